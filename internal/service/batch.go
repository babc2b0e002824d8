package service

import (
	"context"
	"fmt"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// MaxBatch is how many jobs one batch submits at most.
const MaxBatch = 1000

// SubmitAll accepts all jobs or none. A refusal names the first item that is refused,
// as items[3].priority. Idempotency keys are not looked at.
func (s *Service) SubmitAll(ctx context.Context, c Caller, subs []Submission) ([]JobView, error) {
	if err := c.need(Run); err != nil {
		return nil, err
	}
	if len(subs) < 1 || len(subs) > MaxBatch {
		return nil, fault.InvalidField("items", fmt.Sprintf("between 1 and %d jobs", MaxBatch))
	}
	jobs := make([]job.Job, len(subs))
	for i := range subs {
		var err error
		if jobs[i], err = s.jobOf(c, &subs[i]); err != nil {
			return nil, fault.Within(err, fmt.Sprintf("items[%d]", i))
		}
	}
	auditCount(ctx, len(jobs))
	if err := s.o.Store.SubmitAll(ctx, jobs); err != nil {
		return nil, err
	}
	s.o.Log.Info("jobs accepted", "jobs", len(jobs), "first", jobs[0].ID)
	return s.views(ctx, jobs), nil
}

// auditCount names how many jobs a call is about, where the path names none.
func auditCount(ctx context.Context, n int) { store.AuditOf(ctx).Target(fmt.Sprintf("%d jobs", n)) }
