package sqlite

import (
	"context"
	"fmt"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// Reconsider brings jobs into sight for which other settings may have made room since
// they were parked: other limits, other labels of the worker. A start calls it.
func (s *Store) Reconsider(ctx context.Context, limits store.Limits) error {
	err := s.write.do(ctx, urgent, func(ctx context.Context, t *tx) error {
		if err := t.unparks(ctx, `UPDATE jobs SET parked_on = NULL WHERE `+atScopes, store.ParkedRequires); err != nil {
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
		SELECT min(parked_on) FROM jobs INDEXED BY jobs_parked WHERE status = 'pending' AND parked_on < 'time' AND parked_on >= 'pipeline:'
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
	counts := map[string]int{}
	for _, r := range rows {
		n, counted := counts[r.on]
		if !counted {
			if n, err = s.runningIn(ctx, &r.Job, r.on); err != nil {
				return nil, err
			}
			counts[r.on] = n
		}
		waiting[r.ID] = store.Waiting{On: r.on, Running: n}
	}
	return waiting, nil
}

func (s *Store) runningIn(ctx context.Context, j *job.Job, scope string) (n int, err error) {
	var count string
	var args []any
	switch scope {
	case store.ScopeOfKey(j.Queue.ConcurrencyKey):
		count, args = countKey, []any{j.Queue.ConcurrencyKey}
	case store.ScopeOfProject(j.Project):
		count, args = countProject, []any{j.Project}
	case store.ScopeOfPipeline(pipelineOf(j)):
		count, args = countPipeline, []any{j.Project, j.Pipeline}
	default:
		return 0, nil
	}
	if err := s.read.QueryRowContext(ctx, count, args...).Scan(&n); err != nil {
		return 0, readFault("what runs in "+scope, err)
	}
	return n, nil
}
