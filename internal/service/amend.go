package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
)

// Amend changes a pending job and gives it as it is then. A Conflict once it has been
// claimed or has ended.
func (s *Service) Amend(ctx context.Context, c Caller, id string, a job.Amendment) (JobView, error) {
	if err := c.need(Run); err != nil {
		return JobView{}, err
	}
	now := job.Truncate(s.o.Now())
	j, err := s.o.Store.Amend(ctx, id, func(j *job.Job) error {
		if !c.sees(j.Project) {
			return hidden(id)
		}
		if err := j.Amend(a); errors.Is(err, job.ErrNotPending) {
			return fault.Newf(fault.Conflict, "the job is %s, and only a pending one can be changed", j.Status)
		} else if err != nil {
			return err
		}
		var f faults
		placeOf(&j.Queue, now, &f)
		labelsOf("labels", j.Labels, &f)
		return f.err()
	})
	if err != nil {
		return JobView{}, err
	}
	return s.view(ctx, j), nil
}

// placeOf judges what makes a job's place in the queue.
func placeOf(q *job.Queue, now time.Time, f *faults) {
	if q.Priority > job.MaxPriority || q.Priority < -job.MaxPriority {
		f.add("priority", fmt.Sprintf("between %d and %d", -job.MaxPriority, job.MaxPriority))
		q.Priority = 0
	}
	if q.RunAt != nil && q.RunAt.After(now.Add(job.MaxAhead)) {
		f.add("run_at", "at most ten years ahead")
		q.RunAt = nil
	}
	if q.RunAt != nil && q.RunAt.Before(now.Add(-job.MaxAhead)) {
		f.add("run_at", "too long ago")
		q.RunAt = nil
	}
	if q.ExpiresAt != nil {
		if !q.ExpiresAt.After(now) {
			f.add("expires_at", "has passed already")
		} else if q.RunAt != nil && !q.ExpiresAt.After(*q.RunAt) {
			f.add("expires_at", "must be later than run_at")
		}
	}
}
