package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// A job that queues for its files (job.Writes.Waits) is claimed while no other that runs
// writes one of them, and no other before it that waits for a file shares one: so nobody
// is passed for ever by jobs that need fewer files. Each path is a scope of one slot. On
// which of them a job is parked does not matter, since all of its paths are held for it
// while it is (rows with waits = 1); whoever stops holding a path, by its end or because
// it leaves, brings up the first of those parked there.

// claimWrites has a job that is being claimed hold its files, where they are kept.
func (t *tx) claimWrites(ctx context.Context, j *job.Job) error {
	if j.Queue.Writes == nil {
		return nil
	}
	if _, err := t.dropWrites(ctx, j.ID); err != nil { // of its waiting
		return err
	}
	return t.keepWrites(ctx, j, j.Queue.Writes.Files)
}

// parkWrites is for a candidate that is parked: on a path it holds all of its own, and
// elsewhere none.
func (r *round) parkWrites(ctx context.Context, c *candidate, onPath bool) error {
	switch {
	case onPath:
		return r.holdPaths(ctx, c.writes, c.Project, c.at)
	case c.writes.Waits():
		return r.releasePaths(ctx, c.Project, c.at.id)
	}
	return nil
}

// saveWrites records what a running job writes and warns it, and the others that write
// the same, of each other. j is not saved here.
func (t *tx) saveWrites(ctx context.Context, j *job.Job, writes []job.Write) error {
	if err := t.shareWrites(ctx, j, writes); err != nil {
		return err
	}
	return t.keepWrites(ctx, j, writes)
}

func (t *tx) keepWrites(ctx context.Context, j *job.Job, writes []job.Write) error {
	const q = `INSERT INTO writes (project, path, waits, order_key, job_id, dataset, saved) VALUES (?, ?, 0, 0, ?, ?, ?)
		ON CONFLICT (project, path, waits, order_key, job_id) DO UPDATE SET saved = max(saved, excluded.saved)`
	for i := range writes {
		w := &writes[i]
		if err := t.exec(ctx, q, j.Project, w.Path, j.ID, w.Dataset, w.Saved); err != nil {
			return err
		}
	}
	return nil
}

// maxShared is how many pairs of a file and a job one call looks at. There are more only
// where many jobs write many files, and then all is said already.
const maxShared = 1000

// shareWrites warns j and the running jobs that write the same files.
func (t *tx) shareWrites(ctx context.Context, j *job.Job, writes []job.Write) error {
	if len(writes) == 0 {
		return nil
	}
	paths, err := pathsOf(writes)
	if err != nil {
		return err
	}
	const q = `SELECT f.key, w.job_id, w.dataset, w.saved FROM json_each(?) AS f CROSS JOIN writes AS w
		WHERE w.project = ? AND w.path = f.value AND w.waits = 0 AND w.job_id <> ? LIMIT ?`
	rows, err := t.query(ctx, q, paths, j.Project, j.ID, maxShared)
	if err != nil {
		return err
	}
	type shared struct {
		mine int
		id   string
		its  job.Write
	}
	all, err := collectRows(rows, func(sc scanner) (s shared, err error) {
		return s, sc.Scan(&s.mine, &s.id, &s.its.Dataset, &s.its.Saved)
	})
	if err != nil {
		return err
	}
	others := map[string][]shared{}
	var ids []string
	for _, s := range all {
		s.its.Path = writes[s.mine].Path
		if others[s.id] == nil {
			ids = append(ids, s.id)
		}
		others[s.id] = append(others[s.id], s)
	}
	for _, id := range ids {
		other, err := t.load(ctx, id)
		if err != nil {
			return err
		}
		changed := false
		for _, s := range others[id] {
			both := writes[s.mine].Saved && s.its.Saved
			j.SharesWrite(writes[s.mine], id, both)
			changed = other.SharesWrite(s.its, j.ID, both) || changed
		}
		if changed {
			text, err := jsonOrNull(other.Warnings, true)
			if err != nil {
				return err
			}
			if err := t.exec(ctx, `UPDATE jobs SET warnings = ? WHERE id = ?`, text, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// blockedBy gives a path that the job has to wait for, "" when none is.
func (t *tx) blockedBy(ctx context.Context, w *job.Writes, project string, at place) (string, error) {
	paths, err := pathsOf(w.Files)
	if err != nil {
		return "", err
	}
	var path string
	const running = `SELECT f.value FROM json_each(?) AS f CROSS JOIN writes AS w
		WHERE w.project = ? AND w.path = f.value AND w.waits = 0 AND w.job_id <> ? LIMIT 1`
	err = t.row(ctx, running, []any{paths, project, at.id}, &path)
	if !errors.Is(err, sql.ErrNoRows) {
		return path, err
	}
	const waiting = `SELECT f.value FROM json_each(?) AS f CROSS JOIN writes AS w
		WHERE w.project = ? AND w.path = f.value AND w.waits = 1 AND (w.order_key, w.job_id) < (?, ?) LIMIT 1`
	err = t.row(ctx, waiting, []any{paths, project, at.key, at.id}, &path)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return path, err
}

// holdPaths keeps the paths of a job that is parked on one of them for it.
func (t *tx) holdPaths(ctx context.Context, w *job.Writes, project string, at place) error {
	if _, err := t.dropWrites(ctx, at.id); err != nil {
		return err
	}
	const q = `INSERT INTO writes (project, path, waits, order_key, job_id, dataset, saved) VALUES (?, ?, 1, ?, ?, ?, 0)`
	for i := range w.Files {
		if err := t.exec(ctx, q, project, w.Files[i].Path, at.key, at.id, w.Files[i].Dataset); err != nil {
			return err
		}
	}
	return nil
}

// dropWrites forgets what a job writes and gives the paths.
func (t *tx) dropWrites(ctx context.Context, id string) ([]string, error) {
	rows, err := t.query(ctx, `DELETE FROM writes WHERE job_id = ? RETURNING path`, id)
	if err != nil {
		return nil, err
	}
	return collectRows(rows, func(sc scanner) (path string, err error) { return path, sc.Scan(&path) })
}

// releasePaths drops what a job held and brings up who waits for it.
func (t *tx) releasePaths(ctx context.Context, project, id string) error {
	paths, err := t.dropWrites(ctx, id)
	if err != nil || len(paths) == 0 {
		return err
	}
	var some bool
	const q = `SELECT EXISTS (SELECT 1 FROM jobs INDEXED BY jobs_parked WHERE status = 'pending' AND parked_on < 'time'
		AND parked_on >= 'path:' AND parked_on < 'path;')`
	if err := t.row(ctx, q, nil, &some); err != nil || !some {
		return err
	}
	for _, path := range paths {
		if err := t.unpark(ctx, store.ScopeOfPath(project, path)); err != nil {
			return err
		}
	}
	return nil
}

// reconsiderWrites forgets what a binary left that knows nothing of these rows.
func (t *tx) reconsiderWrites(ctx context.Context) error {
	return t.exec(ctx, `DELETE FROM writes WHERE NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.id = writes.job_id
		AND jobs.status = CASE writes.waits WHEN 0 THEN 'running' ELSE 'pending' END)`)
}

func pathsOf(files []job.Write) (string, error) {
	w := job.Writes{Files: files}
	b, err := json.Marshal(w.Paths())
	if err != nil {
		return "", fmt.Errorf("paths: %w", err)
	}
	return string(b), nil
}

// holderOf tells who holds a path: a job that runs, else the first that waits with it.
func (s *Store) holderOf(ctx context.Context, id, project, path string) (w store.Waiting, err error) {
	const q = `SELECT waits, job_id FROM writes WHERE project = ? AND path = ? AND job_id <> ? ORDER BY waits, order_key, job_id LIMIT 1`
	var waits int
	err = s.read.QueryRowContext(ctx, q, project, path, id).Scan(&waits, &w.Holder)
	if errors.Is(err, sql.ErrNoRows) {
		return w, nil
	}
	if err != nil {
		return w, readFault("who writes "+path, err)
	}
	w.Running = 1 - waits
	return w, nil
}
