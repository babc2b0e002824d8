package sqlite

import (
	"context"
	"fmt"
	"maps"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
)

// Amend applies fn, which may change priority, run_at and labels, and brings the job's
// place in the queue up to them. An error of fn undoes it.
func (s *Store) Amend(ctx context.Context, id string, fn func(*job.Job) error) (job.Job, error) {
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
		parked, err := t.parkedBefore(ctx, &before, &after)
		if err != nil {
			return err
		}
		labels, err := jsonOrNull(after.Labels, len(after.Labels) > 0)
		if err != nil {
			return err
		}
		const q = `UPDATE jobs SET priority = ?, run_at = ?, order_key = ?, labels = ? WHERE id = ?`
		if err := t.exec(ctx, q, after.Queue.Priority, timeOrNull(after.Queue.RunAt), after.OrderKey(), labels, id); err != nil {
			return err
		}
		if !maps.Equal(before.Labels, after.Labels) {
			if err := t.dropLabels(ctx, id, job.FormatTime(before.CreatedAt), before.Labels); err != nil {
				return err
			}
			if err := t.addLabels(ctx, &after); err != nil {
				return err
			}
		}
		t.publish(queueTopic) // it may be due sooner
		if err := t.save(ctx, &before, &after, s.timestamp()); err != nil || after.OrderKey() <= before.OrderKey() {
			return err
		}
		return t.release(ctx, &after, parked) // it comes later, and others before it
	})
	if err != nil {
		return job.Job{}, fmt.Errorf("amend: %w", err)
	}
	return after, nil
}

// UpdateAll applies a transition to several jobs in one transaction; those that are
// gone are passed over. An error of fn undoes all.
func (s *Store) UpdateAll(ctx context.Context, ids []string, fn func(*job.Job) error) error {
	err := s.write.do(ctx, urgent, func(ctx context.Context, t *tx) error {
		for _, id := range ids {
			before, err := t.load(ctx, id)
			if fault.Is(err, fault.NotFound) {
				continue
			}
			if err != nil {
				return err
			}
			after := before
			if err := fn(&after); err != nil {
				return err
			}
			if err := t.save(ctx, &before, &after, s.timestamp()); err != nil {
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
