package postgres

import (
	"context"
	"fmt"
	"maps"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

// Update applies a transition to a job and writes the result; what fn returns as an
// error undoes it. fn may be called more than once, each time on the job as it is then.
func (s *Store) Update(ctx context.Context, id string, fn func(*job.Job) error) (job.Job, error) {
	var after job.Job
	err := s.change(ctx, id, func(t *tx, before job.Job) error {
		after = before
		if err := fn(&after); err != nil {
			return err
		}
		return t.save(&before, &after, s.timestamp())
	})
	if err != nil {
		return job.Job{}, fmt.Errorf("update: %w", err)
	}
	return after, nil
}

// UpdateAll applies a transition to several jobs in one transaction, in the order of
// their ids; those that are gone are passed over. An error of fn undoes all.
func (s *Store) UpdateAll(ctx context.Context, ids []string, fn func(*job.Job) error) error {
	err := s.write(ctx, func(ctx context.Context, t *tx) error {
		jobs, err := rowsOf(ctx, t, selectJob+` WHERE id = ANY ($1) ORDER BY id FOR UPDATE`, []any{ids}, rows.ScanJob)
		if err != nil {
			return err
		}
		now := s.timestamp()
		for _, before := range jobs {
			after := before
			if err := fn(&after); err != nil {
				return err
			}
			if err := t.save(&before, &after, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("update jobs: %w", err)
	}
	return nil
}

// Amend applies fn, which may change priority, run_at and labels, and brings the job's
// place in the queue up to them. An error of fn undoes it.
func (s *Store) Amend(ctx context.Context, id string, fn func(*job.Job) error) (job.Job, error) {
	var after job.Job
	err := s.change(ctx, id, func(t *tx, before job.Job) error {
		after = before
		if err := fn(&after); err != nil {
			return err
		}
		labels, err := rows.JSONOrNull(after.Labels, len(after.Labels) > 0)
		if err != nil {
			return err
		}
		t.queue(`UPDATE jobs SET priority = $1, run_at = $2, order_key = $3, labels = $4 WHERE id = $5`,
			after.Queue.Priority, rows.TimeOrNull(after.Queue.RunAt), after.OrderKey(), labels, id)
		if !maps.Equal(before.Labels, after.Labels) {
			t.dropLabels(&before)
			t.addLabels(&after)
		}
		now := s.timestamp()
		if err := t.save(&before, &after, now); err != nil {
			return err
		}
		t.free(&after)              // others may come before it now
		t.publish(store.TopicQueue) // it may be due sooner
		return nil
	})
	if err != nil {
		return job.Job{}, fmt.Errorf("amend: %w", err)
	}
	return after, nil
}
