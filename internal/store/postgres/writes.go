package postgres

import (
	"context"
	"slices"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

// What a job writes while it runs, and what one waits for that queues for its files, is
// kept as in the SQLite store. Claims do their part in kedrod_claim, under one lock for
// the files of a project. What a run tells is written, and seen by others, before anybody
// looks for who writes the same: of two that tell at once, one sees the other.

// insertWrites holds the job's row, so that who ends the job comes before or after it. A
// crash of the server may take it back: the run has to be told of again anyway.
const insertWrites = `INSERT INTO writes (project, path, waits, order_key, job_id, dataset, saved)
	SELECT j.project, w.path, 0, 0, j.id, w.dataset, w.saved
	FROM (SELECT project, id FROM jobs WHERE id = $1 AND attempt = $2 AND worker = $3 AND status = 'running' FOR SHARE) AS j
	CROSS JOIN unnest($4::text[], $5::text[], $6::boolean[]) AS w (path, dataset, saved)
	ON CONFLICT (project, path, waits, order_key, job_id) DO UPDATE SET saved = writes.saved OR excluded.saved`

// maxShared is how many pairs of a file and a job one call looks at. There are more only
// where many jobs write many files, and then all is said already.
const maxShared = 1000

const sameWrites = `SELECT w.job_id, w.path, w.dataset, w.saved FROM jobs AS j CROSS JOIN unnest($2::text[]) AS f (path)
	CROSS JOIN LATERAL (SELECT * FROM writes WHERE project = j.project AND path = f.path AND waits = 0 AND job_id <> j.id) AS w
	WHERE j.id = $1 LIMIT $3`

// tell records what a run writes, unless it has ended with that, and warns its job and
// the running ones that write the same. Of an attempt that does not stand it does nothing.
func (s *Store) tell(ctx context.Context, ref job.Ref, writes []job.Write, ended bool) error {
	if len(writes) == 0 {
		return nil
	}
	mine := map[string]job.Write{}
	for _, w := range writes {
		w.Saved = w.Saved || mine[w.Path].Saved
		mine[w.Path] = w
	}
	var paths, datasets []string
	var saved []bool
	for path, w := range mine {
		paths = append(paths, path)
		datasets, saved = append(datasets, w.Dataset), append(saved, w.Saved)
	}
	if !ended {
		err := s.write(store.WithoutAudit(ctx), func(_ context.Context, t *tx) error {
			t.queue(`SET LOCAL synchronous_commit = off`)
			t.queue(insertWrites, ref.JobID, ref.Attempt, ref.Worker, paths, datasets, saved)
			return nil
		})
		if err != nil {
			return err
		}
	}
	type shared struct {
		id string
		job.Write
	}
	found, err := collect(ctx, s, "who writes the same", sameWrites, []any{ref.JobID, paths, maxShared}, func(row rows.Scanner) (w shared, err error) {
		return w, row.Scan(&w.id, &w.Path, &w.Dataset, &w.Saved)
	})
	if err != nil || len(found) == 0 {
		return err
	}
	ids := []string{ref.JobID}
	for _, w := range found {
		ids = append(ids, w.id)
	}
	slices.Sort(ids)
	return s.write(store.WithoutAudit(ctx), func(ctx context.Context, t *tx) error {
		jobs, err := t.loadAll(ctx, slices.Compact(ids))
		if err != nil {
			return err
		}
		j := jobs[ref.JobID]
		if j.Status != job.Running || j.Attempt != ref.Attempt || j.Worker != ref.Worker {
			return nil
		}
		changed := map[string]job.Job{}
		for _, w := range found {
			other, ok := changed[w.id]
			if !ok {
				if other = jobs[w.id]; other.Status != job.Running {
					continue
				}
			}
			both := w.Saved && mine[w.Path].Saved
			if j.SharesWrite(mine[w.Path], w.id, both) {
				changed[j.ID] = j
			}
			if other.SharesWrite(w.Write, j.ID, both) {
				changed[w.id] = other
			}
		}
		for id, c := range changed {
			text, err := rows.JSONOrNull(c.Warnings, true)
			if err != nil {
				return err
			}
			t.queue(`UPDATE jobs SET warnings = $1 WHERE id = $2`, text, id)
		}
		return nil
	})
}

// forgetWrites forgets what jobs held that left, and has the next claims look after who
// waits for it, where jobs of the project may.
const forgetWrites = `WITH gone AS (DELETE FROM writes WHERE job_id = ANY ($1) RETURNING project, path)
	INSERT INTO freed (scope) SELECT 'path:' || kedrod_escape(project) || '/' || path FROM gone
	WHERE EXISTS (SELECT 1 FROM limited WHERE limited.scope = 'path:' || kedrod_escape(project))`

// limitFiles makes known that jobs of a project may wait for files, before the first of
// them is there.
func (s *Store) limitFiles(ctx context.Context, jobs ...job.Job) error {
	var scopes map[string]int
	for i := range jobs {
		if jobs[i].Queue.Writes.Waits() {
			if scopes == nil {
				scopes = map[string]int{}
			}
			scopes[store.ScopeOfFiles(jobs[i].Project)] = 1
		}
	}
	return s.limit(ctx, scopes)
}

const holder = `SELECT waits, job_id FROM writes WHERE project = $1 AND path = $2 AND job_id <> $3 ORDER BY waits, order_key, job_id LIMIT 1`

// holderOf tells who holds a path: a job that runs, else the first that waits with it.
func (s *Store) holderOf(ctx context.Context, j *job.Job, path string) (store.Waiting, error) {
	w, _, err := one(ctx, s, "who writes "+path, holder, []any{j.Project, path, j.ID}, func(row rows.Scanner) (w store.Waiting, err error) {
		var waits int
		err = row.Scan(&waits, &w.Holder)
		w.Running = 1 - waits
		return w, err
	})
	return w, err
}
