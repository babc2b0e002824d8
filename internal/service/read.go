package service

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// JobView is a job with what is worked out when somebody asks.
type JobView struct {
	job.Job
	WaitingFor string // a sentence: why a pending job does not run; "" otherwise
}

// Job gives a job.
func (s *Service) Job(ctx context.Context, c Caller, id string) (JobView, error) {
	if err := c.need(Read); err != nil {
		return JobView{}, err
	}
	j, err := s.o.Store.Get(ctx, id)
	if err != nil {
		return JobView{}, err
	}
	if !c.sees(j.Project) {
		return JobView{}, hidden(id)
	}
	v := s.view(ctx, j)
	v.CallbackURL = c.shown(v.CallbackURL)
	return v, nil
}

// MaxWait is the longest that Wait waits.
const MaxWait = 60 * time.Second

// Wait gives the job at its end, or as it is after d.
func (s *Service) Wait(ctx context.Context, c Caller, id string, d time.Duration) (JobView, error) {
	wake, unsubscribe := s.o.Store.Subscribe(store.TopicJob(id))
	defer unsubscribe()
	timer := time.NewTimer(min(d, MaxWait))
	defer timer.Stop()
	anyway := time.NewTicker(lookAnyway)
	defer anyway.Stop()
	for {
		v, err := s.Job(ctx, c, id)
		if err != nil || v.Status.Terminal() {
			return v, err
		}
		select {
		case <-wake:
		case <-anyway.C:
		case <-timer.C:
			return s.Job(ctx, c, id)
		case <-ctx.Done():
			return v, ctx.Err()
		}
	}
}

// Bounds of a list.
const (
	DefaultLimit = 50
	MaxLimit     = 500
	minIDPart    = 6
)

// Jobs gives a page of jobs, newest first. f.Limit 0 means DefaultLimit.
func (s *Service) Jobs(ctx context.Context, c Caller, f store.Filter) ([]JobView, string, error) {
	if err := c.need(Read); err != nil {
		return nil, "", err
	}
	var bad faults
	if f.Limit == 0 {
		f.Limit = DefaultLimit
	}
	if f.Limit < 1 || f.Limit > MaxLimit {
		bad.add("limit", fmt.Sprintf("between 1 and %d", MaxLimit))
	}
	for _, id := range f.IDs {
		if len(id) < minIDPart {
			bad.add("id", fmt.Sprintf("give at least %d characters of its beginning or end", minIDPart))
		}
	}
	for _, st := range f.Statuses {
		if !known(st) {
			bad.add("status", "one of "+statuses())
		}
	}
	for _, label := range f.Labels {
		if key, _, ok := strings.Cut(label, ":"); !ok || key == "" {
			bad.add("label", "must be key:value")
		}
	}
	if len(f.Query) > maxName {
		bad.add("q", fmt.Sprintf("at most %d bytes", maxName))
	}
	if err := bad.err(); err != nil {
		return nil, "", err
	}
	var empty bool
	if f.Projects, empty = c.narrow(f.Projects); empty {
		return nil, "", nil
	}
	page, err := s.o.Store.List(ctx, f)
	if err != nil {
		return nil, "", err
	}
	views := s.views(ctx, page.Jobs)
	for i := range views {
		views[i].CallbackURL = c.shown(views[i].CallbackURL)
	}
	return views, page.Next, nil
}

func known(st job.Status) bool {
	for _, k := range job.Statuses() {
		if k == st {
			return true
		}
	}
	return false
}

func statuses() string {
	var words []string
	for _, st := range job.Statuses() {
		words = append(words, string(st))
	}
	return strings.Join(words, ", ")
}

// Attempts gives a job's attempts, the first first.
func (s *Service) Attempts(ctx context.Context, c Caller, id string) ([]job.Attempt, error) {
	if _, err := s.Job(ctx, c, id); err != nil {
		return nil, err
	}
	return s.o.Store.Attempts(ctx, id)
}

// Nodes gives the nodes of an attempt in topological order; attempt 0 is the last.
// None where the run told of none.
func (s *Service) Nodes(ctx context.Context, c Caller, id string, attempt int) ([]job.Node, error) {
	v, err := s.Job(ctx, c, id)
	if err != nil {
		return nil, err
	}
	if attempt, err = v.attempt(attempt); err != nil {
		return nil, err
	}
	return s.o.Store.Nodes(ctx, id, attempt)
}

// attempt is the one meant by n, where 0 is the last.
func (v *JobView) attempt(n int) (int, error) {
	if n == 0 {
		return v.Job.Attempt, nil
	}
	if n < 0 || n > v.Job.Attempt {
		return 0, fault.Newf(fault.NotFound, "the job has no attempt %d; it has had %d", n, v.Job.Attempt)
	}
	return n, nil
}

// Cancel asks for a job's end and gives it as it is then: cancelled at once while
// pending, running until the last process is gone, unchanged when it had ended.
func (s *Service) Cancel(ctx context.Context, c Caller, id string) (JobView, error) {
	if err := c.need(Run); err != nil {
		return JobView{}, err
	}
	asked := false
	j, err := s.o.Store.Update(ctx, id, func(j *job.Job) error {
		if !c.sees(j.Project) {
			return hidden(id)
		}
		asked = j.RequestCancel(s.o.Now())
		return nil
	})
	if err != nil {
		return JobView{}, err
	}
	if asked {
		s.o.Log.Info("cancel asked for", "job", j.ID, "attempt", j.Attempt, "status", string(j.Status))
	}
	return s.view(ctx, j), nil
}
