package postgres

import (
	"context"
	"fmt"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

// parkedScopes steps from scope to scope along the index, however many jobs each has.
const parkedScopes = `WITH RECURSIVE scopes (name) AS (
		(SELECT parked_on FROM jobs WHERE status = 'pending' AND parked_on < 'requires' ORDER BY parked_on LIMIT 1)
		UNION ALL
		SELECT (SELECT parked_on FROM jobs WHERE status = 'pending' AND parked_on < 'requires' AND parked_on > name ORDER BY parked_on LIMIT 1)
		FROM scopes WHERE name IS NOT NULL)
	SELECT name FROM scopes WHERE name IS NOT NULL`

// Reconsider brings jobs into sight for which other limits may have made room since they
// were parked. A start calls it.
func (s *Store) Reconsider(ctx context.Context, limits store.Limits) error {
	slots := slotsOf(limits)
	err := s.write(ctx, func(ctx context.Context, t *tx) error {
		// What a binary left that knows nothing of these rows.
		t.queue(`DELETE FROM writes AS w WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.id = w.job_id
			AND jobs.status = CASE w.waits WHEN 0 THEN 'running' ELSE 'pending' END)`)
		scopes, err := rowsOf(ctx, t, parkedScopes, nil, scanText)
		if err != nil {
			return err
		}
		for _, scope := range scopes {
			n, limited := slots[scope]
			switch {
			case isKey(scope): // of each lane the first: more comes up as it is claimed
				t.queue(`UPDATE jobs SET parked_on = NULL WHERE id = ANY (ARRAY (SELECT DISTINCT ON (project, pipeline_name, concurrency_limit) id FROM jobs
					WHERE status = 'pending' AND parked_on < 'requires' AND concurrency_key IS NOT NULL AND parked_on = $1
					ORDER BY project, pipeline_name, concurrency_limit, order_key, id))`, scope)
			case limited:
				t.queue(`UPDATE jobs SET parked_on = NULL WHERE id = ANY (ARRAY (SELECT id FROM jobs
					WHERE status = 'pending' AND parked_on < 'requires' AND parked_on = $1 ORDER BY order_key, id LIMIT $2 FOR UPDATE SKIP LOCKED))`, scope, n)
			default:
				t.queue(`UPDATE jobs SET parked_on = NULL WHERE id = ANY (ARRAY (SELECT id FROM jobs
					WHERE status = 'pending' AND parked_on < 'requires' AND parked_on = $1 FOR UPDATE SKIP LOCKED))`, scope)
			}
		}
		t.publish(store.TopicQueue)
		return nil
	})
	if err != nil {
		return fmt.Errorf("reconsider what is parked: %w", err)
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
	const q = `SELECT id, project, pipeline_name, coalesce(concurrency_key, ''), coalesce(parked_on, '') FROM jobs WHERE id = ANY ($1) AND status || '' = 'pending'`
	found, err := collect(ctx, s, "what jobs wait for", q, []any{ids}, func(sc rows.Scanner) (r row, err error) {
		return r, sc.Scan(&r.ID, &r.Project, &r.Pipeline, &r.Queue.ConcurrencyKey, &r.on)
	})
	if err != nil {
		return nil, err
	}
	type seen struct{ project, on string }
	known := map[seen]store.Waiting{}
	for _, r := range found {
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

const (
	runsOfKey      = ` FROM jobs WHERE status = 'running' AND concurrency_key IS NOT NULL AND concurrency_key = $2`
	runsOfProject  = ` FROM jobs WHERE status = 'running' AND project = $2`
	runsOfPipeline = runsOfProject + ` AND pipeline_name = $3`
)

// runningIn looks at what runs in a scope, which are not more than its slots.
func (s *Store) runningIn(ctx context.Context, j *job.Job, scope string) (store.Waiting, error) {
	var from string
	args := []any{j.Project}
	switch scope {
	case store.ScopeOfKey(j.Queue.ConcurrencyKey):
		from, args = runsOfKey, append(args, j.Queue.ConcurrencyKey)
	case store.ScopeOfProject(j.Project):
		from, args = runsOfProject, append(args, j.Project)
	case store.ScopeOfPipeline(store.PipelineOf{Project: j.Project, Pipeline: j.Pipeline}):
		from, args = runsOfPipeline, append(args, j.Project, j.Pipeline)
	default:
		path, ok := store.PathOfScope(scope)
		if !ok {
			return store.Waiting{On: scope}, nil
		}
		w, err := s.holderOf(ctx, j, path)
		w.On = scope
		return w, err
	}
	q := `SELECT count(*), coalesce(min(CASE WHEN project = $1 THEN id END), '')` + from
	w, _, err := one(ctx, s, "what runs in a scope", q, args, func(row rows.Scanner) (w store.Waiting, err error) {
		return w, row.Scan(&w.Running, &w.Holder)
	})
	w.On = scope
	return w, err
}
