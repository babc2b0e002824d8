package postgres

import (
	"context"
	"errors"
	"slices"
	"strconv"
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
	var st selection
	var after string
	if cursor != "" {
		k, ok := rows.ReadCursor(cursor)
		if !ok {
			return nil, "", errors.New("ended jobs: bad cursor")
		}
		after = "(created_at, id) > (" + st.arg(k.Created) + ", " + st.arg(k.ID) + ")"
	}
	type row struct {
		store.Ended
		rows.Key
		old bool
	}
	at := st.arg(job.FormatTime(moment)) // a job ends after it was made
	q := `SELECT id, attempt, created_at, ` + hasEnded + ` AND coalesce(completed_at, created_at) < ` + at + ` FROM jobs` +
		where(everyJob, after, "created_at < "+at) + ` ORDER BY created_at, id LIMIT ` + strconv.Itoa(limit)
	found, err := collect(ctx, s, "ended jobs", q, st.args, func(sc rows.Scanner) (r row, err error) {
		err = sc.Scan(&r.Ended.ID, &r.Attempts, &r.Created, &r.old)
		r.Key.ID = r.Ended.ID
		return r, err
	})
	if err != nil {
		return nil, "", err
	}
	for _, r := range found {
		if r.old {
			ended = append(ended, r.Ended)
		}
	}
	if len(found) == limit {
		next = found[len(found)-1].Cursor()
	}
	return ended, next, nil
}

// DeleteEnded deletes jobs with all that is kept of them. One that has not ended is
// left alone, whatever the caller believes. It gives how many went.
func (s *Store) DeleteEnded(ctx context.Context, ids []string) (deleted int, err error) {
	ids = slices.Sorted(slices.Values(ids))
	err = s.write(ctx, func(ctx context.Context, t *tx) error {
		// Locked in one order, so that several who delete the same wait for each other.
		const lock = `SELECT id FROM jobs WHERE id = ANY($1) AND ` + hasEnded + ` ORDER BY id FOR UPDATE`
		gone, err := rowsOf(ctx, t, lock, []any{ids}, scanText)
		if err != nil {
			return err
		}
		for _, q := range []string{
			`DELETE FROM job_labels USING jobs, jsonb_each_text(jobs.labels::jsonb) AS had WHERE jobs.id = ANY($1) AND jobs.labels IS NOT NULL
				AND job_labels.label = had.key || ':' || had.value AND job_labels.created_at = jobs.created_at AND job_labels.id = jobs.id`,
			`DELETE FROM attempts WHERE job_id = ANY($1)`,
			`DELETE FROM nodes WHERE job_id = ANY($1)`,
			`DELETE FROM events WHERE job_id = ANY($1)`,
			`DELETE FROM deliveries WHERE job_id = ANY($1)`,
			`DELETE FROM log_pieces WHERE job_id = ANY($1)`,
			`DELETE FROM logs WHERE job_id = ANY($1)`,
			`DELETE FROM jobs WHERE id = ANY($1)`,
		} {
			t.queue(q, gone)
		}
		deleted = len(gone)
		return nil
	})
	return deleted, failed("delete jobs", err)
}

// DeleteWorkers deletes the rows of workers that ended before a moment, and what they
// published but for the newest of each project.
func (s *Store) DeleteWorkers(ctx context.Context, endedBefore time.Time) error {
	return failed("delete workers", s.write(ctx, func(_ context.Context, t *tx) error {
		t.queue(`DELETE FROM workers WHERE state IN ('stopped', 'lost') AND seen_at < $1
			AND NOT EXISTS (SELECT 1 FROM jobs WHERE status = 'running' AND worker = workers.id)`, job.FormatTime(endedBefore))
		t.queue(supersede)
		return nil
	}))
}
