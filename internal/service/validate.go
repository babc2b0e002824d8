package service

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// Verdict is what would become of a submission.
type Verdict struct {
	Refusal    *fault.Error // nil: it would be accepted
	Project    string       // "" where that is not known
	Timeout    time.Duration
	WaitingFor string   // a sentence: why it would not run at once
	Nodes      []string // that would run, in topological order; nil where the registry does not tell
}

// Validate judges a submission as Submit does, and looks at what would run. It stores
// and runs nothing.
func (s *Service) Validate(ctx context.Context, c Caller, sub Submission) (Verdict, error) {
	if err := c.need(Run); err != nil {
		return Verdict{}, err
	}
	j, err := s.jobOf(c, &sub)
	v := Verdict{Project: j.Project, Timeout: j.Queue.Timeout}
	if err != nil {
		if !errors.As(err, &v.Refusal) || v.Refusal.Code == fault.Internal || v.Refusal.Code == fault.Unavailable {
			return Verdict{}, err
		}
		return v, nil
	}
	all := s.look(ctx)
	if v.WaitingFor = s.waitingFor(&j, s.waiting(ctx, []job.Job{j})[j.ID], all); v.WaitingFor == waitsForSlot && s.slotFree(ctx, &j, all) {
		v.WaitingFor = ""
	}
	p := s.projects[j.Project]
	if !p.Catalog.Current() || p.Dynamic {
		return v, nil
	}
	registry, _ := p.Catalog.Snapshot()
	pipeline, ok := registry.Pipeline(j.Pipeline)
	if !ok {
		return v, nil
	}
	v.Nodes = pipeline.Select(j.Options)
	return v, nil
}

// slotFree reports whether a worker would take the job at once: one that may has more
// slots than there are jobs that run or wait. Of a job whose scope is limited it can't
// be told.
func (s *Service) slotFree(ctx context.Context, j *job.Job, all crew) bool {
	if s.limited(j) {
		return false
	}
	if s.alone(j, all) {
		if free, err := FreeBytes(s.o.DataDir); err != nil || free < s.o.MinFree {
			return false
		}
	}
	pending, running, err := s.o.Store.Count(ctx)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(all.workers, func(w store.Worker) bool {
		return w.State == store.WorkerReady && w.Slots > pending+running && takes(&w, j)
	})
}
