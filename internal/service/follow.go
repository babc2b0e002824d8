package service

import (
	"context"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// Events is a stream of events from a point on. It is for one goroutine. Close it.
type Events struct {
	s     *Service
	feed  *feed
	jobID string // "" for all jobs
	after int64
	ended bool

	caller   Caller
	projects map[string]string // of jobs seen lately, where the caller's scope asks for it
}

const eventsAtOnce = 200

// JobEvents follows one job from its first event, or from the one after the seq
// given. It ends after the event `end`. ended tells that it had ended at that seq
// already: there will be nothing.
func (s *Service) JobEvents(ctx context.Context, c Caller, id string, after int64) (stream *Events, ended bool, err error) {
	v, err := s.Job(ctx, c, id)
	if err != nil {
		return nil, false, err
	}
	e, err := s.follow(ctx, c, id, after)
	if err != nil {
		return nil, false, err
	}
	if e.after > 0 && v.Status.Terminal() {
		rest, err := s.o.Store.Events(ctx, id, after, 1)
		if err != nil {
			e.Close()
			return nil, false, err
		}
		if len(rest) == 0 {
			e.Close()
			return nil, true, nil
		}
	}
	return e, false, nil
}

// AllEvents follows all jobs: from now on, or from the event after the seq given.
func (s *Service) AllEvents(ctx context.Context, c Caller, after int64) (*Events, error) {
	if err := c.need(Read); err != nil {
		return nil, err
	}
	e, err := s.follow(ctx, c, "", after)
	if err != nil {
		return nil, err
	}
	if e.after <= 0 {
		last, err := s.o.Store.LastEvent(ctx)
		if err != nil {
			e.Close()
			return nil, err
		}
		e.after = last
	}
	return e, nil
}

// follow begins at a seq. One that was never given out, as after a restored backup,
// begins anew.
func (s *Service) follow(ctx context.Context, c Caller, jobID string, after int64) (*Events, error) {
	if after > 0 {
		last, err := s.o.Store.LastEvent(ctx)
		if err != nil {
			return nil, err
		}
		if after > last {
			after = 0
		}
	}
	d, err := s.feeds.join(ctx, jobID)
	if err != nil {
		return nil, err
	}
	return &Events{s: s, feed: d, jobID: jobID, after: after, caller: c}, nil
}

// Next gives the next events, waiting for them until ctx ends, whose error it then
// returns and after which it may be called again. They are shared with others who
// follow: they must not be changed. io.EOF: there are no more.
func (e *Events) Next(ctx context.Context) ([]job.Event, error) {
	if e.ended {
		return nil, io.EOF
	}
	for {
		events, covered, base, changed, err := e.feed.after(e.after, eventsAtOnce)
		if err != nil {
			return nil, err
		}
		if !covered {
			// The read is not bounded by ctx, which is often only a heartbeat's.
			if events, err = e.s.o.Store.Events(context.WithoutCancel(ctx), e.jobID, e.after, eventsAtOnce); err != nil {
				return nil, err
			}
			if len(events) == 0 { // nothing up to base, then
				e.after = base
				continue
			}
		}
		if len(events) > 0 {
			last := events[len(events)-1]
			e.after = last.Seq
			e.ended = e.jobID != "" && last.Type == job.EventEnd
			if events, err = e.visible(ctx, events); err != nil || len(events) > 0 {
				return events, err
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// visible leaves out the events of jobs that the caller may not see.
func (e *Events) visible(ctx context.Context, events []job.Event) ([]job.Event, error) {
	if e.jobID != "" || e.caller.Projects == nil {
		return events, nil
	}
	var ask []string
	if len(e.projects) > maxKnown {
		e.projects = nil
	}
	for i := range events {
		if _, known := e.projects[events[i].JobID]; !known {
			ask = append(ask, events[i].JobID)
		}
	}
	slices.Sort(ask)
	found, err := e.s.o.Store.ProjectsOf(context.WithoutCancel(ctx), slices.Compact(ask))
	if err != nil {
		return nil, err
	}
	if e.projects == nil {
		e.projects = map[string]string{}
	}
	maps.Copy(e.projects, found)
	var seen []job.Event // others follow the same events, so a list of its own
	for i := range events {
		project, known := e.projects[events[i].JobID] // a job that was deleted meanwhile is nobody's
		if known && e.caller.sees(project) {
			seen = append(seen, events[i])
		}
	}
	return seen, nil
}

// maxKnown bounds the jobs that a stream remembers.
const maxKnown = 500

// Close ends the use of the stream.
func (e *Events) Close() { e.s.feeds.leave(e.jobID, e.feed) }

// firstAttempt waits until the job has had an attempt, or has ended without one:
// then 0.
func (s *Service) firstAttempt(ctx context.Context, id string) (int, error) {
	wake, unsubscribe := s.o.Store.Subscribe(store.TopicJob(id))
	defer unsubscribe()
	anyway := time.NewTicker(lookAnyway)
	defer anyway.Stop()
	for {
		j, err := s.o.Store.Get(ctx, id)
		if err != nil || j.Attempt > 0 || j.Status.Terminal() {
			return j.Attempt, err
		}
		select {
		case <-wake:
		case <-anyway.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}
