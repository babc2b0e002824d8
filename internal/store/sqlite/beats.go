package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// Renew raises a worker's beat, which must be higher than any before, and tells what the
// store holds for it. store.ErrLost when the worker is not among those who may hold jobs,
// or its beat was raised so far by another.
func (s *Store) Renew(ctx context.Context, worker string, beat int64) (store.Standing, error) {
	var standing store.Standing
	err := s.write.do(ctx, urgent, func(ctx context.Context, t *tx) error {
		standing = store.Standing{}
		const renew = `UPDATE workers SET beat = ?, seen_at = ? WHERE id = ? AND beat < ? AND state IN ('ready', 'draining')`
		n, err := t.affected(ctx, renew, beat, job.FormatTime(s.now()), worker, beat)
		if err != nil {
			return err
		}
		if n == 0 {
			return store.ErrLost
		}
		rows, err := t.query(ctx, `SELECT id, attempt, worker, cancel_requested_at IS NOT NULL FROM jobs INDEXED BY jobs_held
			WHERE status = 'running' AND worker = ?`, worker)
		if err != nil {
			return err
		}
		standing.Held, err = collectRows(rows, func(row scanner) (h store.Held, err error) {
			return h, row.Scan(&h.JobID, &h.Attempt, &h.Worker, &h.Cancel)
		})
		return err
	})
	if err != nil {
		return store.Standing{}, fmt.Errorf("renew: %w", err)
	}
	return standing, nil
}

// Beats gives where the beat of every worker stands that is ready or draining, and of
// whoever else holds a running job: that somebody always answers for it.
func (s *Store) Beats(ctx context.Context) (store.Beats, error) {
	const q = `SELECT id, beat, lease_ms FROM workers WHERE state IN ('ready', 'draining')
		UNION ALL SELECT h.worker, coalesce(w.beat, -1), coalesce(w.lease_ms, ?)
		FROM (SELECT DISTINCT worker FROM jobs INDEXED BY jobs_held WHERE status = 'running') h
		LEFT JOIN workers w ON w.id = h.worker WHERE coalesce(w.state, '') NOT IN ('ready', 'draining')`
	workers, err := collect(ctx, s.read, "beats", q, []any{store.OrphanLease.Milliseconds()}, func(row scanner) (b store.Beat, err error) {
		var lease int64
		err = row.Scan(&b.Worker, &b.Beat, &lease)
		b.Lease = time.Duration(lease) * time.Millisecond
		return b, err
	})
	return store.Beats{Workers: workers}, err
}

// Reap is LoseWorker if the worker's beat still stands where Beats has shown it, else it
// does nothing and reaped is false.
func (s *Store) Reap(ctx context.Context, worker string, beat int64) (lost []job.Job, reaped bool, err error) {
	err = s.write.do(ctx, urgent, func(ctx context.Context, t *tx) error {
		lost, reaped = nil, false
		stands := int64(-1)
		err := t.row(ctx, `SELECT beat FROM workers WHERE id = ?`, []any{worker}, &stands)
		if err != nil && !errors.Is(err, sql.ErrNoRows) || stands != beat {
			return err
		}
		reaped = true
		lost, err = t.loseWorker(ctx, worker, s.timestamp())
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("reap: %w", err)
	}
	return lost, reaped, nil
}

// Abandon takes a running job from an attempt whose worker could not renew, see
// job.Abandon.
func (s *Store) Abandon(ctx context.Context, ref job.Ref) (job.Job, error) {
	var after job.Job
	err := s.write.do(ctx, urgent, func(ctx context.Context, t *tx) error {
		before, err := t.load(ctx, ref.JobID)
		if err != nil {
			return err
		}
		now := s.timestamp()
		after = before
		if err := after.Abandon(ref, now); err != nil {
			return err
		}
		if err := t.save(ctx, &before, &after, now); err != nil {
			return err
		}
		return t.closeAttempt(ctx, ref, job.AttemptLost, now)
	})
	if err != nil {
		return job.Job{}, fmt.Errorf("abandon: %w", err)
	}
	return after, nil
}

// Assert makes a claim again that the store has lost, see job.Assert.
func (s *Store) Assert(ctx context.Context, ref job.Ref) error {
	err := s.write.do(ctx, urgent, func(ctx context.Context, t *tx) error {
		before, err := t.load(ctx, ref.JobID)
		if err != nil {
			return err
		}
		now := s.timestamp()
		after := before
		a, err := after.Assert(ref, now)
		if err != nil || before.Status == job.Running {
			return err
		}
		if err := t.claimWrites(ctx, &after); err != nil {
			return err
		}
		if err := t.save(ctx, &before, &after, now); err != nil {
			return err
		}
		const q = `INSERT INTO attempts (job_id, number, worker, status, claimed_at) VALUES (?, ?, ?, ?, ?)`
		return t.exec(ctx, q, a.JobID, a.Number, a.Worker, string(a.Status), job.FormatTime(a.ClaimedAt))
	})
	if err != nil {
		return fmt.Errorf("assert: %w", err)
	}
	return nil
}
