package sqlite

import (
	"context"
	"fmt"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// Reconsider brings jobs into sight for which other limits may have made room since
// they were parked. A start calls it.
func (s *Store) Reconsider(ctx context.Context, limits store.Limits) error {
	err := s.write.do(ctx, urgent, func(ctx context.Context, t *tx) error {
		if err := t.reconsiderWrites(ctx); err != nil {
			return err
		}
		if err := t.reconsiderScopes(ctx, limits); err != nil {
			return err
		}
		// Of each lane of each key the first: more comes up as it is claimed.
		return t.unparks(ctx, `UPDATE jobs SET parked_on = NULL WHERE rowid IN (SELECT kr FROM (
			SELECT rowid AS kr, row_number() OVER (PARTITION BY parked_on, project, pipeline_name, concurrency_limit ORDER BY order_key, id) AS place
			FROM jobs INDEXED BY jobs_lanes WHERE status = 'pending' AND parked_on < 'time' AND concurrency_key IS NOT NULL
			AND parked_on >= 'key:' AND parked_on < 'key;') WHERE place = 1)`)
	})
	if err != nil {
		return fmt.Errorf("reconsider what is parked: %w", err)
	}
	return nil
}

// reconsiderScopes goes over the projects and pipelines on which jobs are parked.
func (t *tx) reconsiderScopes(ctx context.Context, limits store.Limits) error {
	slots := map[string]int{}
	for p, n := range limits.Projects {
		slots[store.ScopeOfProject(p)] = n
	}
	for p, n := range limits.Pipelines {
		slots[store.ScopeOfPipeline(p)] = n
	}
	rows, err := t.query(ctx, `WITH RECURSIVE scopes (name) AS (
		SELECT min(parked_on) FROM jobs INDEXED BY jobs_parked WHERE status = 'pending' AND parked_on < 'time' AND parked_on >= 'path:'
		UNION ALL SELECT (SELECT min(parked_on) FROM jobs INDEXED BY jobs_parked WHERE status = 'pending' AND parked_on < 'time' AND parked_on > name)
		FROM scopes WHERE name IS NOT NULL) SELECT name FROM scopes WHERE name IS NOT NULL`)
	if err != nil {
		return err
	}
	scopes, err := collectRows(rows, func(sc scanner) (name string, err error) { return name, sc.Scan(&name) })
	if err != nil {
		return err
	}
	for _, scope := range scopes {
		n := slots[scope]
		if _, ok := store.PathOfScope(scope); ok {
			n = 1
		}
		if n == 0 {
			n = -1 // all
		}
		err := t.unparks(ctx, `UPDATE jobs SET parked_on = NULL WHERE rowid IN (SELECT rowid FROM jobs INDEXED BY jobs_parked
			WHERE `+atScopes+` ORDER BY order_key, id LIMIT ?)`, scope, n)
		if err != nil {
			return err
		}
	}
	return nil
}

// Waiting tells of jobs that are pending what they wait for; others are left out.
func (s *Store) Waiting(ctx context.Context, ids []string) (map[string]store.Waiting, error) {
	waiting := map[string]store.Waiting{}
	if len(ids) == 0 {
		return waiting, nil
	}
	type row struct {
		job.Job
		on string
	}
	q := "SELECT id, project, pipeline_name, coalesce(concurrency_key, ''), coalesce(parked_on, '') FROM jobs WHERE id IN (" +
		placeholders(len(ids)) + ") AND +status = 'pending'"
	rows, err := collect(ctx, s.read, "what jobs wait for", q, anys(ids), func(sc scanner) (r row, err error) {
		return r, sc.Scan(&r.ID, &r.Project, &r.Pipeline, &r.Queue.ConcurrencyKey, &r.on)
	})
	if err != nil {
		return nil, err
	}
	type seen struct{ project, on string }
	known := map[seen]store.Waiting{}
	for _, r := range rows {
		as := seen{r.Project, r.on}
		w, ok := known[as]
		if !ok {
			if w, err = s.runningIn(ctx, &r.Job, r.on); err != nil {
				return nil, err
			}
			known[as] = w
		}
		waiting[r.ID] = w
	}
	return waiting, nil
}

// runningIn looks at what runs in a scope, which are not more than its slots.
func (s *Store) runningIn(ctx context.Context, j *job.Job, scope string) (store.Waiting, error) {
	w := store.Waiting{On: scope}
	var from string
	args := []any{j.Project}
	switch scope {
	case store.ScopeOfKey(j.Queue.ConcurrencyKey):
		from, args = runsOfKey, append(args, j.Queue.ConcurrencyKey)
	case store.ScopeOfProject(j.Project):
		from, args = runsOfProject, append(args, j.Project)
	case store.ScopeOfPipeline(pipelineOf(j)):
		from, args = runsOfPipeline, append(args, j.Project, j.Pipeline)
	default:
		if path, ok := store.PathOfScope(scope); ok {
			w, err := s.holderOf(ctx, j.ID, j.Project, path)
			w.On = scope
			return w, err
		}
		return w, nil
	}
	q := `SELECT count(*), coalesce(min(CASE WHEN project = ? THEN id END), '')` + from
	if err := s.read.QueryRowContext(ctx, q, args...).Scan(&w.Running, &w.Holder); err != nil {
		return w, readFault("what runs in "+scope, err)
	}
	return w, nil
}
