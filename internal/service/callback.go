package service

import (
	"context"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// callbackOf judges where a job's end is to be told.
func (s *Service) callbackOf(sub *Submission, f *faults) {
	switch {
	case sub.CallbackURL == nil:
	case s.o.CheckCallback == nil:
		if len(f.fields) == 0 {
			f.code = fault.NotSupported
		}
		f.add("callback_url", "nothing here sends callbacks: leave it out")
	default:
		if wrong := s.o.CheckCallback(*sub.CallbackURL); wrong != "" {
			f.add("callback_url", wrong)
		}
	}
}

// shown is a callback_url as the caller sees it: who may not submit jobs is not told
// what stands behind the host, where receivers' tokens are.
func (c Caller) shown(url string) string {
	if url == "" || c.need(Run) == nil {
		return url
	}
	return job.ShownURL(url)
}

// Deliveries gives what was, or is to be, told of a job's end, the first first: none
// before its end, without a callback_url, and some time after they have ended.
func (s *Service) Deliveries(ctx context.Context, c Caller, id string) ([]store.Delivery, error) {
	if _, err := s.Job(ctx, c, id); err != nil {
		return nil, err
	}
	return s.o.Store.Deliveries(ctx, id)
}
