package service

import (
	"context"
	"errors"
	"time"

	"github.com/kedrod/kedrod/internal/fault"
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
	v.WaitingFor = s.view(ctx, j).WaitingFor
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
