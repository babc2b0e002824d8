package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

// Advance writes what is known of a run under way. job.ErrFenced when the attempt
// no longer stands.
func (s *Store) Advance(ctx context.Context, ref job.Ref, a store.Advance) error {
	if err := s.tell(ctx, ref, a.Writes, false); err != nil {
		return fmt.Errorf("progress of a run: %w", err)
	}
	err := s.change(ctx, ref.JobID, func(t *tx, before job.Job) error {
		after := before
		if err := after.Advance(ref, a.StartedAt, a.Start, a.Progress); err != nil {
			return err
		}
		if err := t.save(&before, &after, s.timestamp()); err != nil {
			return err
		}
		t.saveNodes(ref, a.Nodes)
		t.addEvents(a.Events)
		return nil
	})
	if err != nil {
		return fmt.Errorf("progress of a run: %w", err)
	}
	return nil
}

// Report ends an attempt, see job.Report; nodes and events are the last ones of the
// run, and count only if the report does.
func (s *Store) Report(ctx context.Context, ref job.Ref, o job.Outcome, last store.Advance) (job.Job, error) {
	if err := s.tell(ctx, ref, last.Writes, true); err != nil {
		return job.Job{}, fmt.Errorf("report: %w", err)
	}
	var after job.Job
	err := s.change(ctx, ref.JobID, func(t *tx, before job.Job) error {
		now := s.timestamp()
		after = before
		if err := after.Report(ref, o, now, s.rand()); err != nil {
			return err
		}
		if before.LastOutcome == after.LastOutcome { // repeated
			return nil
		}
		t.saveNodes(ref, last.Nodes)
		t.addEvents(last.Events)
		if err := t.save(&before, &after, now); err != nil {
			return err
		}
		t.endAttempt(ref, o)
		return nil
	})
	if err != nil {
		return job.Job{}, fmt.Errorf("report: %w", err)
	}
	return after, nil
}

func (t *tx) endAttempt(ref job.Ref, o job.Outcome) {
	t.bulk.ends = append(t.bulk.ends, []any{string(o.Status), rows.TextOrNull(string(o.Reason)), rows.TextOrNull(o.Message), o.ExitCode,
		rows.TextOrNull(o.Signal), rows.TextOrNull(o.Start), rows.TimeOrNull(o.StartedAt), job.FormatTime(o.EndedAt), o.ExecutionTime,
		ref.JobID, ref.Attempt})
}

// GiveBack returns a claimed job to the queue, see job.GiveBack.
func (s *Store) GiveBack(ctx context.Context, ref job.Ref) (job.Job, error) {
	var after job.Job
	err := s.change(ctx, ref.JobID, func(t *tx, before job.Job) error {
		now := s.timestamp()
		after = before
		if err := after.GiveBack(ref, now); err != nil {
			return err
		}
		if err := t.save(&before, &after, now); err != nil {
			return err
		}
		t.closeAttempt(ref, job.AttemptReturned, now)
		return nil
	})
	if err != nil {
		return job.Job{}, fmt.Errorf("give back: %w", err)
	}
	return after, nil
}

func (t *tx) closeAttempt(ref job.Ref, as job.Status, now time.Time) {
	t.queue(`UPDATE attempts SET status = $1, ended_at = $2 WHERE job_id = $3 AND number = $4`, string(as), job.FormatTime(now), ref.JobID, ref.Attempt)
	// Nobody will tell any more how its nodes ended.
	t.queue(`UPDATE nodes SET status = CASE status WHEN 'running' THEN 'cancelled' ELSE 'skipped' END
		WHERE job_id = $1 AND attempt = $2 AND status IN ('running', 'pending')`, ref.JobID, ref.Attempt)
}

// LoseWorker takes every running job from a worker that is lost, see job.Lose, and
// marks the worker so. It gives the jobs as they are then.
func (s *Store) LoseWorker(ctx context.Context, worker string) ([]job.Job, error) {
	var lost []job.Job
	err := s.write(ctx, func(ctx context.Context, t *tx) (err error) {
		lost, err = t.lose(ctx, worker, s.timestamp())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("lose worker: %w", err)
	}
	return lost, nil
}

// lose is LoseWorker within a transaction.
func (t *tx) lose(ctx context.Context, worker string, now time.Time) ([]job.Job, error) {
	held, err := rowsOf(ctx, t, selectJob+` WHERE status = 'running' AND worker = $1 ORDER BY id FOR UPDATE`, []any{worker}, rows.ScanJob)
	if err != nil {
		return nil, err
	}
	lost := make([]job.Job, 0, len(held))
	for _, before := range held {
		after := before
		after.Lose(worker, now)
		if err := t.save(&before, &after, now); err != nil {
			return nil, err
		}
		t.closeAttempt(job.Ref{JobID: after.ID, Attempt: after.Attempt, Worker: worker}, job.AttemptLost, now)
		lost = append(lost, after)
	}
	t.queue(`UPDATE workers SET state = 'lost' WHERE id = $1 AND state <> 'stopped'`, worker)
	return lost, nil
}
