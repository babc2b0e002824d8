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

const (
	queueTopic  = store.TopicQueue
	cancelTopic = store.TopicCancel
	eventsTopic = store.TopicEvents
)

// Submit writes a new job. With an idempotency key that is known, the first job is
// answered and existed is true, or a Conflict when the request was another one.
func (s *Store) Submit(ctx context.Context, j job.Job, idem *store.Idempotency) (stored job.Job, existed bool, err error) {
	now := s.timestamp()
	args, err := insertArgs(&j, now)
	if err != nil {
		return j, false, err
	}
	stored = j
	audit := store.AuditOf(ctx)
	err = s.write.do(ctx, normal, func(ctx context.Context, t *tx) error {
		audit.Target(j.ID)
		if idem != nil {
			first, err := t.repeated(ctx, *idem)
			if err != nil || first != nil {
				if first != nil {
					stored, existed = *first, true
					audit.Target(first.ID)
				}
				return err
			}
			args[len(args)-2], args[len(args)-1] = idem.Key, idem.Hash
		}
		return t.insert(ctx, &j, args, now)
	})
	if err != nil {
		return job.Job{}, false, fmt.Errorf("submit: %w", err)
	}
	return stored, existed, nil
}

// insertArgs are those of insertJob; the two last ones are of its idempotency key, and
// the one before them is parked_on.
func insertArgs(j *job.Job, now time.Time) ([]any, error) {
	fixed, err := rows.Fixed(j)
	if err != nil {
		return nil, err
	}
	changing, err := rows.Changing(j, now)
	return append(append(fixed, changing...), nil, nil), err
}

// insert writes a new job and all that belongs to it.
func (t *tx) insert(ctx context.Context, j *job.Job, args []any, now time.Time) error {
	on, err := t.parkedAtOnce(ctx, j, now)
	if err != nil {
		return err
	}
	if on != "" {
		args[len(args)-3] = on
	}
	if err := t.exec(ctx, insertJob(len(args)), args...); err != nil {
		return err
	}
	if err := t.addLabels(ctx, j); err != nil {
		return err
	}
	t.publish(queueTopic)
	return t.addEvents(ctx, job.Changes(nil, j, now))
}

func (t *tx) repeated(ctx context.Context, idem store.Idempotency) (*job.Job, error) {
	st, err := t.stmt(ctx, "SELECT id, idempotency_hash FROM jobs WHERE idempotency_key = ?")
	if err != nil {
		return nil, err
	}
	id, err := sameRequest(st.QueryRowContext(ctx, idem.Key), idem)
	if err != nil || id == "" {
		return nil, err
	}
	j, err := t.load(ctx, id)
	return &j, err
}

// Repeated looks for the job that a submission with this key made before; nil when
// there is none, a Conflict when the request was another one.
func (s *Store) Repeated(ctx context.Context, idem store.Idempotency) (*job.Job, error) {
	var first *job.Job
	row := s.read.QueryRowContext(ctx, "SELECT id, idempotency_hash FROM jobs WHERE idempotency_key = ?", idem.Key)
	id, err := sameRequest(row, idem)
	if err != nil || id == "" {
		return nil, err
	}
	j, err := s.Get(ctx, id)
	if err == nil {
		first = &j
	}
	return first, err
}

// sameRequest gives the id of the job with the key, "" when there is none.
func sameRequest(row *sql.Row, idem store.Idempotency) (string, error) {
	var id, hash string
	switch err := row.Scan(&id, &hash); {
	case errors.Is(err, sql.ErrNoRows):
		return "", nil
	case err != nil:
		return "", readFault("idempotency key", err)
	case hash != idem.Hash:
		return "", rows.OtherRequest()
	}
	return id, nil
}

// Update applies a transition to a job and writes the result; what fn returns as an
// error undoes it. Nothing is written when fn changes nothing that is kept.
func (s *Store) Update(ctx context.Context, id string, fn func(*job.Job) error) (job.Job, error) {
	var after job.Job
	err := s.write.do(ctx, urgent, func(ctx context.Context, t *tx) error {
		before, err := t.load(ctx, id)
		if err != nil {
			return err
		}
		after = before
		if err := fn(&after); err != nil {
			return err
		}
		return t.save(ctx, &before, &after, s.timestamp())
	})
	if err != nil {
		return job.Job{}, fmt.Errorf("update: %w", err)
	}
	return after, nil
}

// Advance writes what is known of a run under way. job.ErrFenced when the attempt
// no longer stands.
func (s *Store) Advance(ctx context.Context, ref job.Ref, a store.Advance) error {
	err := s.write.do(ctx, urgent, func(ctx context.Context, t *tx) error {
		before, err := t.load(ctx, ref.JobID)
		if err != nil {
			return err
		}
		after := before
		if err := after.Advance(ref, a.StartedAt, a.Start, a.Progress); err != nil {
			return err
		}
		if err := t.saveWrites(ctx, &after, a.Writes); err != nil {
			return err
		}
		if err := t.save(ctx, &before, &after, s.timestamp()); err != nil {
			return err
		}
		if err := t.saveNodes(ctx, ref, a.Nodes); err != nil {
			return err
		}
		return t.addEvents(ctx, a.Events)
	})
	if err != nil {
		return fmt.Errorf("progress of a run: %w", err)
	}
	return nil
}

// Report ends an attempt, see job.Report; nodes and events are the last ones of the
// run, and count only if the report does.
func (s *Store) Report(ctx context.Context, ref job.Ref, o job.Outcome, last store.Advance) (job.Job, error) {
	var after job.Job
	err := s.write.do(ctx, urgent, func(ctx context.Context, t *tx) error {
		before, err := t.load(ctx, ref.JobID)
		if err != nil {
			return err
		}
		now := s.timestamp()
		after = before
		if before.Status == job.Running && before.Worker == ref.Worker && before.Attempt == ref.Attempt {
			if err := t.shareWrites(ctx, &after, last.Writes); err != nil {
				return err
			}
		}
		if err := after.Report(ref, o, now, s.rand()); err != nil {
			return err
		}
		if before.LastOutcome == after.LastOutcome { // repeated
			return nil
		}
		if err := t.saveNodes(ctx, ref, last.Nodes); err != nil {
			return err
		}
		if err := t.addEvents(ctx, last.Events); err != nil {
			return err
		}
		if err := t.save(ctx, &before, &after, now); err != nil {
			return err
		}
		return t.endAttempt(ctx, ref, o)
	})
	if err != nil {
		return job.Job{}, fmt.Errorf("report: %w", err)
	}
	return after, nil
}

func (t *tx) endAttempt(ctx context.Context, ref job.Ref, o job.Outcome) error {
	const q = `UPDATE attempts SET status = ?, reason = ?, error_message = ?, exit_code = ?, signal = ?, start = ?,
		started_at = ?, ended_at = ?, execution_time = ? WHERE job_id = ? AND number = ?`
	return t.exec(ctx, q, string(o.Status), textOrNull(string(o.Reason)), textOrNull(o.Message), o.ExitCode,
		textOrNull(o.Signal), textOrNull(o.Start), timeOrNull(o.StartedAt), job.FormatTime(o.EndedAt), o.ExecutionTime,
		ref.JobID, ref.Attempt)
}

// GiveBack returns a claimed job to the queue, see job.GiveBack.
func (s *Store) GiveBack(ctx context.Context, ref job.Ref) (job.Job, error) {
	var after job.Job
	err := s.write.do(ctx, urgent, func(ctx context.Context, t *tx) error {
		before, err := t.load(ctx, ref.JobID)
		if err != nil {
			return err
		}
		now := s.timestamp()
		after = before
		if err := after.GiveBack(ref, now); err != nil {
			return err
		}
		if err := t.save(ctx, &before, &after, now); err != nil {
			return err
		}
		return t.closeAttempt(ctx, ref, job.AttemptReturned, now)
	})
	if err != nil {
		return job.Job{}, fmt.Errorf("give back: %w", err)
	}
	return after, nil
}

func (t *tx) closeAttempt(ctx context.Context, ref job.Ref, as job.Status, now time.Time) error {
	const q = `UPDATE attempts SET status = ?, ended_at = ? WHERE job_id = ? AND number = ?`
	if err := t.exec(ctx, q, string(as), job.FormatTime(now), ref.JobID, ref.Attempt); err != nil {
		return err
	}
	// Nobody will tell any more how its nodes ended.
	const nodes = `UPDATE nodes SET status = CASE status WHEN 'running' THEN 'cancelled' ELSE 'skipped' END
		WHERE job_id = ? AND attempt = ? AND status IN ('running', 'pending')`
	return t.exec(ctx, nodes, ref.JobID, ref.Attempt)
}

// LoseWorker takes every running job from a worker that is lost, see job.Lose, and
// marks the worker so. It gives the jobs as they are then.
func (s *Store) LoseWorker(ctx context.Context, worker string) ([]job.Job, error) {
	var lost []job.Job
	err := s.write.do(ctx, urgent, func(ctx context.Context, t *tx) (err error) {
		lost, err = t.loseWorker(ctx, worker, s.timestamp())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("lose worker: %w", err)
	}
	return lost, nil
}

func (t *tx) loseWorker(ctx context.Context, worker string, now time.Time) ([]job.Job, error) {
	rows, err := t.query(ctx, selectJob+` INDEXED BY jobs_held WHERE status = 'running' AND worker = ?`, worker)
	if err != nil {
		return nil, err
	}
	held, err := collectJobs(rows)
	if err != nil {
		return nil, err
	}
	lost := make([]job.Job, 0, len(held))
	for _, before := range held {
		after := before
		after.Lose(worker, now)
		if err := t.save(ctx, &before, &after, now); err != nil {
			return nil, err
		}
		ref := job.Ref{JobID: after.ID, Attempt: after.Attempt, Worker: worker}
		if err := t.closeAttempt(ctx, ref, job.AttemptLost, now); err != nil {
			return nil, err
		}
		lost = append(lost, after)
	}
	return lost, t.exec(ctx, `UPDATE workers SET state = 'lost' WHERE id = ? AND state <> 'stopped'`, worker)
}

// ExpireDue ends the pending jobs whose expires_at has passed, up to 500 of them.
func (s *Store) ExpireDue(ctx context.Context) error {
	const due = ` INDEXED BY jobs_expiring WHERE status = 'pending' AND expires_at IS NOT NULL AND expires_at <= ? ORDER BY expires_at LIMIT 500`
	now := s.timestamp()
	var found bool
	err := s.read.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM jobs"+due+")", job.FormatTime(now)).Scan(&found)
	if err != nil {
		return readFault("expire", err)
	}
	if !found {
		return nil
	}
	err = s.write.do(ctx, urgent, func(ctx context.Context, t *tx) error {
		rows, err := t.query(ctx, selectJob+due, job.FormatTime(now))
		if err != nil {
			return err
		}
		jobs, err := collectJobs(rows)
		if err != nil {
			return err
		}
		for _, before := range jobs {
			after := before
			if after.Expire(now) {
				if err := t.save(ctx, &before, &after, now); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("expire: %w", err)
	}
	return nil
}
