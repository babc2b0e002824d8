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

// Batch is several submissions, all or none. Their own idempotency keys are not looked
// at; RequestHash stands for the whole.
type Batch struct {
	Items          []Submission
	IdempotencyKey string // "" for none
	RequestHash    string
}

// SubmitAll accepts all jobs or none. A refusal names the first item that is refused,
// as items[3].priority. With an idempotency key that is known the first jobs are given,
// as far as they are still kept, and existed is true.
func (s *Service) SubmitAll(ctx context.Context, c Caller, b Batch) (views []JobView, existed bool, err error) {
	if err := c.need(Run); err != nil {
		return nil, false, err
	}
	idem, err := c.idempotency(b.IdempotencyKey, b.RequestHash)
	if err != nil {
		return nil, false, err
	}
	if idem != nil { // before it is judged, as in Submit
		if first, err := s.o.Store.RepeatedAll(ctx, *idem); err != nil || len(first) > 0 {
			auditCount(ctx, len(first))
			return s.views(ctx, first), true, err
		}
	}
	jobs, err := s.jobsOf(c, b.Items)
	if err != nil {
		return nil, false, err
	}
	auditCount(ctx, len(jobs))
	first, err := s.o.Store.SubmitAll(ctx, jobs, idem)
	switch {
	case err != nil:
		return nil, false, err
	case first != nil:
		return s.views(ctx, first), true, nil
	}
	s.o.Log.Info("jobs accepted", "jobs", len(jobs), "first", jobs[0].ID)
	return s.views(ctx, jobs), false, nil
}

func (s *Service) jobsOf(c Caller, subs []Submission) ([]job.Job, error) {
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
	return jobs, nil
}

// auditCount names how many jobs a call is about, where the path names none.
func auditCount(ctx context.Context, n int) { store.AuditOf(ctx).Target(fmt.Sprintf("%d jobs", n)) }
