package service

import (
	"context"
	"slices"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// Again gives the submission that a job which ended came from, to be changed and
// submitted as its retry. run_at and expires_at are left out: they were moments of the
// first one. A Conflict when the job has not ended.
func (s *Service) Again(ctx context.Context, c Caller, id string) (Submission, error) {
	if err := c.need(Run); err != nil {
		return Submission{}, err
	}
	v, err := s.Job(ctx, c, id)
	if err != nil {
		return Submission{}, err
	}
	if !v.Status.Terminal() {
		return Submission{}, notEnded(&v.Job, "only a job that has ended can be retried")
	}
	return again(&v.Job), nil
}

// Repeated gives the job that an earlier call of this caller made with the key; nil
// when there is none, a Conflict when that was another request.
func (s *Service) Repeated(ctx context.Context, c Caller, key, hash string) (*JobView, error) {
	if err := c.need(Run); err != nil {
		return nil, err
	}
	idem, err := c.idempotency(key, hash)
	if err != nil || idem == nil {
		return nil, err
	}
	first, err := s.o.Store.Repeated(ctx, *idem)
	if err != nil || first == nil {
		return nil, err
	}
	store.AuditOf(ctx).Target(first.ID)
	v := s.view(ctx, *first)
	return &v, nil
}

func notEnded(j *job.Job, rule string) error {
	return fault.Newf(fault.Conflict, "the job is %s, and %s: cancel it first, or wait for its end", j.Status, rule)
}

func again(j *job.Job) Submission {
	q := &j.Queue
	sub := Submission{
		Project: j.Project, Pipeline: j.Pipeline, UserID: j.UserID, Parameters: j.Parameters, Options: j.Options,
		Priority: q.Priority, Timeout: &q.Timeout, MaxAttempts: &q.MaxAttempts, RetryOn: slices.Clone(q.RetryOn),
		MaxRecoveries: &q.MaxRecoveries, Requires: q.Requires, Labels: j.Labels,
	}
	if j.CallbackURL != "" {
		sub.CallbackURL = &j.CallbackURL
	}
	if q.ConcurrencyKey != "" {
		sub.ConcurrencyKey, sub.ConcurrencyLimit = &q.ConcurrencyKey, &q.ConcurrencyLimit
	}
	id := j.ID
	sub.retryOf = &id
	return sub
}
