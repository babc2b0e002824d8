package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

// hasEnded is what every deletion asks of a job, beside what it was chosen by.
const hasEnded = `status IN ('completed', 'failed', 'cancelled')`

// EndedBefore gives jobs that ended before a moment, with the number of their last
// attempt, oldest first, from after a cursor ("" at first) on. It looks at up to limit
// jobs, so it may give none although next is not "".
func (s *Store) EndedBefore(ctx context.Context, moment time.Time, cursor string, limit int) (ended []store.Ended, next string, err error) {
	var c clause
	if cursor != "" {
		k, ok := rows.ReadCursor(cursor)
		if !ok {
			return nil, "", errors.New("ended jobs: bad cursor")
		}
		c.and("(created_at, id) > (?, ?)", k.Created, k.ID)
	}
	c.and("created_at < ?", job.FormatTime(moment)) // a job ends after it was made
	type row struct {
		store.Ended
		at  key
		old bool
	}
	q := `SELECT id, attempt, created_at, ` + hasEnded + ` AND coalesce(completed_at, created_at) < ? FROM jobs INDEXED BY jobs_newest
		WHERE ` + c.sql + ` ORDER BY created_at, id LIMIT ?`
	args := append(append([]any{job.FormatTime(moment)}, c.args...), limit)
	rows, err := collect(ctx, s.read, "ended jobs", q, args, func(sc scanner) (r row, err error) {
		err = sc.Scan(&r.ID, &r.Attempts, &r.at.Created, &r.old)
		r.at.ID = r.ID
		return r, err
	})
	if err != nil {
		return nil, "", err
	}
	for _, r := range rows {
		if r.old {
			ended = append(ended, r.Ended)
		}
	}
	if len(rows) == limit {
		next = rows[len(rows)-1].at.Cursor()
	}
	return ended, next, nil
}

// DeleteEnded deletes jobs with all that is kept of them. One that has not ended is
// left alone, whatever the caller believes. It gives how many went.
func (s *Store) DeleteEnded(ctx context.Context, ids []string) (int, error) {
	deleted := 0
	err := s.write.do(ctx, normal, func(ctx context.Context, t *tx) error {
		deleted = 0
		for _, id := range ids {
			gone, err := t.deleteEnded(ctx, id)
			if err != nil {
				return err
			}
			if gone {
				deleted++
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("delete jobs: %w", err)
	}
	return deleted, nil
}

func (t *tx) deleteEnded(ctx context.Context, id string) (bool, error) {
	var created string
	var labels sql.NullString
	err := t.row(ctx, `DELETE FROM jobs WHERE id = ? AND `+hasEnded+` RETURNING created_at, labels`, []any{id}, &created, &labels)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := t.dropLabelsOf(ctx, id, created, labels); err != nil {
		return false, err
	}
	for _, q := range []string{
		`DELETE FROM attempts WHERE job_id = ?`,
		`DELETE FROM nodes WHERE job_id = ?`,
		`DELETE FROM events WHERE job_id = ?`,
		`DELETE FROM deliveries WHERE job_id = ?`,
	} {
		if err := t.exec(ctx, q, id); err != nil {
			return false, err
		}
	}
	return true, nil
}

// CountJobs counts every job: it reads a whole index, about a second for 10 million.
func (s *Store) CountJobs(ctx context.Context) (int, error) {
	var n int
	if err := s.read.QueryRowContext(ctx, `SELECT count(*) FROM jobs`).Scan(&n); err != nil {
		return 0, readFault("count jobs", err)
	}
	return n, nil
}

// DeleteWorkers deletes the rows of workers that ended before a moment, and what they
// published but for the newest of each project.
func (s *Store) DeleteWorkers(ctx context.Context, endedBefore time.Time) error {
	err := s.write.do(ctx, normal, func(ctx context.Context, t *tx) error {
		if err := t.exec(ctx, `DELETE FROM workers WHERE state IN ('stopped', 'lost') AND seen_at < ?
			AND NOT EXISTS (SELECT 1 FROM jobs WHERE status = 'running' AND worker = workers.id)`, job.FormatTime(endedBefore)); err != nil {
			return err
		}
		return t.exec(ctx, supersede)
	})
	if err != nil {
		return fmt.Errorf("delete workers: %w", err)
	}
	return nil
}
