package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

// timeline names the line of the database's history, as the first 8 characters of the
// name of the log file that is being written. Any role may ask for it.
const timeline = `left(pg_walfile_name(pg_current_wal_lsn()), 8)`

// Renew raises a worker's beat, which must be higher than any before, and tells what the
// store holds for it. store.ErrLost when the worker is not among those who may hold jobs,
// or its beat was raised so far by another.
//
// It goes over connections that nothing else has, so that no other work delays it.
func (s *Store) Renew(ctx context.Context, worker string, beat int64) (store.Standing, error) {
	const q = `WITH renewed AS (UPDATE workers SET beat = $1, seen_at = $2 WHERE id = $3 AND beat < $1 AND state IN ('ready', 'draining') RETURNING id)
		SELECT ` + timeline + `, coalesce(j.id, ''), coalesce(j.attempt, 0), coalesce(j.cancel_requested_at IS NOT NULL, false)
		FROM renewed LEFT JOIN jobs j ON j.status = 'running' AND j.worker = renewed.id`
	var standing store.Standing
	rows, err := s.renewals.Query(ctx, q, beat, job.FormatTime(s.now()), worker)
	if err != nil {
		return standing, failed("renew", storeFault(err))
	}
	held, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (h store.Held, err error) {
		h.Worker = worker
		return h, row.Scan(&standing.Timeline, &h.JobID, &h.Attempt, &h.Cancel)
	})
	switch {
	case err != nil:
		return store.Standing{}, failed("renew", storeFault(err))
	case len(held) == 0:
		return store.Standing{}, failed("renew", store.ErrLost)
	case held[0].JobID != "": // else the one row is there for the time line
		standing.Held = held
	}
	return standing, nil
}

// Beats gives where the beat of every worker stands that is ready or draining, and of
// whoever else holds a running job: that somebody always answers for it.
func (s *Store) Beats(ctx context.Context) (store.Beats, error) {
	const q = `SELECT id, beat, lease_ms, ` + timeline + ` FROM workers WHERE state IN ('ready', 'draining')
		UNION ALL SELECT h.worker, coalesce(w.beat, -1), coalesce(w.lease_ms, $1), ` + timeline + `
		FROM (SELECT DISTINCT worker FROM jobs WHERE status = 'running') h
		LEFT JOIN workers w ON w.id = h.worker WHERE coalesce(w.state, '') NOT IN ('ready', 'draining')`
	var all store.Beats
	workers, err := collect(ctx, s, "beats", q, []any{store.OrphanLease.Milliseconds()}, func(row rows.Scanner) (b store.Beat, err error) {
		var lease int64
		err = row.Scan(&b.Worker, &b.Beat, &lease, &all.Timeline)
		b.Lease = time.Duration(lease) * time.Millisecond
		return b, err
	})
	all.Workers = workers
	return all, err
}

// Reap is LoseWorker if the worker's beat still stands where Beats has shown it, else it
// does nothing and reaped is false. It holds the worker's row, so that a renewal comes
// before or after it.
func (s *Store) Reap(ctx context.Context, worker string, beat int64) (lost []job.Job, reaped bool, err error) {
	err = s.write(ctx, func(ctx context.Context, t *tx) error {
		lost, reaped = nil, false
		stands := int64(-1)
		found, err := rowsOf(ctx, t, `SELECT beat FROM workers WHERE id = $1 FOR UPDATE`, []any{worker}, func(row rows.Scanner) (b int64, err error) { return b, row.Scan(&b) })
		if err != nil {
			return err
		}
		if len(found) > 0 {
			stands = found[0]
		}
		if stands != beat {
			return nil
		}
		reaped = true
		lost, err = t.lose(ctx, worker, s.timestamp())
		return err
	})
	if err != nil {
		return nil, false, failed("reap", err)
	}
	return lost, reaped, nil
}

// Abandon takes a running job from an attempt whose worker could not renew, see
// job.Abandon.
func (s *Store) Abandon(ctx context.Context, ref job.Ref) (job.Job, error) {
	var after job.Job
	err := s.write(ctx, func(ctx context.Context, t *tx) error {
		before, err := t.load(ctx, ref.JobID)
		if err != nil {
			return err
		}
		now := s.timestamp()
		after = before
		if err := after.Abandon(ref, now); err != nil {
			return err
		}
		if err := t.save(&before, &after, now); err != nil {
			return err
		}
		t.closeAttempt(ref, job.AttemptLost, now)
		return nil
	})
	if err != nil {
		return job.Job{}, failed("abandon", err)
	}
	return after, nil
}

// Assert makes a claim again that the store has lost, see job.Assert.
func (s *Store) Assert(ctx context.Context, ref job.Ref) error {
	return failed("assert", s.write(ctx, func(ctx context.Context, t *tx) error {
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
		if err := t.save(&before, &after, now); err != nil {
			return err
		}
		if after.Queue.Writes != nil {
			// What it held while it waited is dropped before, as of all that leave.
			if err := t.exec(ctx, `SELECT kedrod_hold_files(project, id, writes, 0, 0) FROM jobs WHERE id = $1`, after.ID); err != nil {
				return err
			}
		}
		const q = `INSERT INTO attempts (job_id, number, worker, status, claimed_at) VALUES ($1, $2, $3, $4, $5)`
		t.queue(q, a.JobID, a.Number, a.Worker, string(a.Status), job.FormatTime(a.ClaimedAt))
		return nil
	}))
}
