package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

// Held gives every running job, oldest first, whoever holds it.
func (s *Store) Held(ctx context.Context) ([]job.Job, error) {
	return collect(ctx, s, "running jobs", selectBrief+` WHERE status = 'running' ORDER BY created_at, id`, nil, rows.ScanJob)
}

const cancelling = `SELECT id, attempt, worker FROM jobs WHERE status = 'running' AND worker = $1 AND cancel_requested_at IS NOT NULL`

// Cancelling gives the attempts of a worker whose cancel was asked for.
func (s *Store) Cancelling(ctx context.Context, worker string) ([]job.Ref, error) {
	return collect(ctx, s, "cancels", cancelling, []any{worker}, func(row rows.Scanner) (r job.Ref, err error) {
		return r, row.Scan(&r.JobID, &r.Attempt, &r.Worker)
	})
}

const nextReady = `SELECT ready_at FROM jobs WHERE status = 'pending' AND parked_on = 'time' ORDER BY ready_at LIMIT 1`

// NextReady gives the moment at which the next waiting job becomes eligible; nil
// when none waits for its time.
func (s *Store) NextReady(ctx context.Context) (*time.Time, error) {
	micro, ok, err := one(ctx, s, "next waiting job", nextReady, nil, scanInt)
	if err != nil || !ok {
		return nil, err
	}
	t := time.UnixMicro(micro).UTC()
	return &t, nil
}

func scanInt(row rows.Scanner) (n int64, err error) { return n, row.Scan(&n) }

// oldestEligible steps from project to project, of which there are few.
const oldestEligible = `WITH RECURSIVE projects (name) AS (
		(SELECT project FROM jobs WHERE status = 'pending' AND parked_on IS NULL ORDER BY project LIMIT 1)
		UNION ALL
		SELECT (SELECT project FROM jobs WHERE status = 'pending' AND parked_on IS NULL AND project > name ORDER BY project LIMIT 1)
		FROM projects WHERE name IS NOT NULL)
	SELECT first.created_at, first.ready_at FROM projects CROSS JOIN LATERAL (SELECT created_at, ready_at, order_key, id FROM jobs
		WHERE status = 'pending' AND parked_on IS NULL AND project = name ORDER BY order_key, id LIMIT 1) AS first
	ORDER BY first.order_key, first.id LIMIT 1`

// OldestEligible gives since when the first job of the queue can run; nil when none
// waits for a slot.
func (s *Store) OldestEligible(ctx context.Context) (*time.Time, error) {
	since, ok, err := one(ctx, s, "oldest job", oldestEligible, nil, func(row rows.Scanner) (time.Time, error) {
		var created string
		var ready int64
		if err := row.Scan(&created, &ready); err != nil {
			return time.Time{}, err
		}
		var d rows.Decoder
		since := *d.Time("created_at", rows.Text(created))
		if t := time.UnixMicro(ready).UTC(); t.After(since) {
			since = t
		}
		return since, d.Err
	})
	if err != nil || !ok {
		return nil, err
	}
	return &since, nil
}

const due = ` WHERE status = 'pending' AND expires_at IS NOT NULL AND expires_at <= $1 ORDER BY expires_at LIMIT 500`

// ExpireDue ends the pending jobs whose expires_at has passed, up to 500 of them.
func (s *Store) ExpireDue(ctx context.Context) error {
	ids, err := collect(ctx, s, "expire", "SELECT id FROM jobs"+due, []any{job.FormatTime(s.timestamp())}, scanText)
	if err != nil {
		return err
	}
	return s.expire(ctx, ids)
}

func scanText(row rows.Scanner) (text string, err error) { return text, row.Scan(&text) }

// expire ends those jobs of which it is still true that they expired while they waited.
func (s *Store) expire(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	now := s.timestamp()
	err := s.UpdateAll(store.WithoutAudit(ctx), ids, func(j *job.Job) error {
		j.Expire(now)
		return nil
	})
	if err != nil {
		return fmt.Errorf("expire: %w", err)
	}
	return nil
}

// ShiftTries moves the next try of every job that waits for one by so much, after the
// clock of this store was stepped. That is the clock of Options.Now: by the database's own
// a step of this machine's is none, and nothing is moved.
func (s *Store) ShiftTries(ctx context.Context, by time.Duration) error {
	if !s.stepped {
		return nil
	}
	type wait struct {
		id       string
		run, try *time.Time
	}
	err := s.write(ctx, func(ctx context.Context, t *tx) error {
		waits, err := rowsOf(ctx, t, `SELECT id, run_at, next_try_at FROM jobs
			WHERE status = 'pending' AND parked_on = 'time' AND next_try_at IS NOT NULL ORDER BY id FOR UPDATE`, nil, func(row rows.Scanner) (w wait, err error) {
			var run, try sql.NullString
			if err := row.Scan(&w.id, &run, &try); err != nil {
				return w, err
			}
			var d rows.Decoder
			w.run, w.try = d.Time("run_at", run), d.Time("next_try_at", try)
			return w, d.Err
		})
		if err != nil {
			return err
		}
		for _, w := range waits {
			try := job.Truncate(w.try.Add(by))
			j := job.Job{NextTryAt: &try, Queue: job.Queue{RunAt: w.run}}
			t.queue(`UPDATE jobs SET next_try_at = $1, ready_at = $2 WHERE id = $3`, job.FormatTime(try), j.ReadyAt().UnixMicro(), w.id)
		}
		t.publish(store.TopicQueue)
		return nil
	})
	if err != nil {
		return fmt.Errorf("shift the next tries: %w", err)
	}
	return nil
}
