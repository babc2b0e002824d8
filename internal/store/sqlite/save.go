package sqlite

import (
	"context"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store/rows"
)

// save writes what a transition changed, with the events that tell of it and the delivery
// to who is told of its end, and hands on the slots that the job gave up.
func (t *tx) save(ctx context.Context, before, after *job.Job, now time.Time) error {
	parked, err := t.parkedBefore(ctx, before, after)
	if err != nil {
		return err
	}
	args, err := rows.Changing(after, now)
	if err != nil {
		return err
	}
	if err := t.exec(ctx, updateJob, append(args, after.ID)...); err != nil {
		return err
	}
	if before.Status != job.Pending && after.Status == job.Pending {
		t.publish(queueTopic)
	}
	if before.CancelRequestedAt == nil && after.CancelRequestedAt != nil {
		t.publish(cancelTopic)
	}
	if !before.Status.Terminal() && after.Status.Terminal() && after.CallbackURL != "" {
		if err := t.addDelivery(ctx, after, now); err != nil {
			return err
		}
	}
	if err := t.handOn(ctx, before, after, parked, now); err != nil {
		return err
	}
	return t.addEvents(ctx, job.Changes(before, after, now))
}
