package app

import (
	"context"

	"github.com/kedrod/kedrod/internal/disk"
	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// spared is the store on a disk that may fill up: what begins something is held back
// while space is short, so that what ends something finds room.
type spared struct {
	*counted
	disk *disk.Keeper
}

// Submit refuses while the disk is full.
func (s *spared) Submit(ctx context.Context, j job.Job, idem *store.Idempotency) (job.Job, bool, error) {
	if s.disk.Full() {
		return job.Job{}, false, errFull()
	}
	stored, existed, err := s.counted.Submit(ctx, j, idem)
	s.failed(err)
	return stored, existed, err
}

// SubmitAll refuses as Submit does.
func (s *spared) SubmitAll(ctx context.Context, jobs []job.Job, idem *store.Idempotency) ([]job.Job, error) {
	if s.disk.Full() {
		return nil, errFull()
	}
	first, err := s.counted.SubmitAll(ctx, jobs, idem)
	s.failed(err)
	return first, err
}

func errFull() error {
	return fault.New(fault.Unavailable, "the disk with the data folder is full; nothing was accepted: free some space and try again")
}

// Claim claims nothing while space is short.
func (s *spared) Claim(ctx context.Context, q store.Claim) ([]job.Job, error) {
	if s.disk.Low() {
		return nil, nil
	}
	jobs, err := s.counted.Claim(ctx, q)
	s.failed(err)
	return jobs, err
}

// Report writes an end; where that fails for want of space, the next try finds some.
func (s *spared) Report(ctx context.Context, ref job.Ref, o job.Outcome, last store.Advance) (job.Job, error) {
	j, err := s.counted.Report(ctx, ref, o, last)
	s.failed(err)
	return j, err
}

func (s *spared) failed(err error) {
	if fault.Is(err, fault.Unavailable) {
		s.disk.Failed()
	}
}
