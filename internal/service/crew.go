package service

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// crew is all workers that have not ended, of every process on the store, as they were a
// moment ago.
type crew struct {
	known   bool // else nothing may be concluded from it
	workers []store.Worker
}

// crews keeps the last look at the workers, since every page with a pending job asks.
type crews struct {
	mu   sync.Mutex
	last crew
	at   time.Time
	took time.Duration
}

// crewShare is which part of the time may go into looking at the workers.
const crewShare = 20

// crewFor looks at the workers where one of the jobs needs that.
func (s *Service) crewFor(ctx context.Context, jobs []job.Job) crew {
	now := s.o.Now()
	if slices.ContainsFunc(jobs, func(j job.Job) bool { return j.Status == job.Pending && waitsForTime(&j, now) == "" }) {
		return s.crew(ctx)
	}
	return crew{}
}

// crew gives the workers: with few of them as they are, with many as they were shortly
// before.
func (s *Service) crew(ctx context.Context) crew {
	c := &s.crews
	c.mu.Lock()
	defer c.mu.Unlock()
	begun := time.Now()
	if c.last.known && begun.Sub(c.at) < crewShare*c.took {
		return c.last
	}
	c.last = s.look(ctx)
	c.at = time.Now()
	c.took = c.at.Sub(begun)
	return c.last
}

// look gives the workers as they are.
func (s *Service) look(ctx context.Context) crew {
	workers, err := s.o.Store.Workers(ctx, s.o.Now())
	if err != nil { // the jobs themselves are known, which is what was asked for
		s.o.Log.Debug("the workers can't be read, so why jobs wait can't be told", "error", err)
		return crew{}
	}
	return crew{known: true, workers: slices.DeleteFunc(workers, func(w store.Worker) bool {
		return w.State != store.WorkerReady && w.State != store.WorkerDraining
	})}
}

// self is the id of this process's worker; "" without one.
func (s *Service) self() string {
	if s.o.Self == nil {
		return ""
	}
	return s.o.Self()
}

func serves(w *store.Worker, j *job.Job) bool { return slices.Contains(w.Projects, j.Project) }

func takes(w *store.Worker, j *job.Job) bool {
	_, _, lacks := store.Lacks(j.Queue.Requires, w.Labels)
	return serves(w, j) && !lacks
}

// nobody says why no worker can take a job; "" when one can, or that is not known.
func (s *Service) nobody(j *job.Job, all crew) string {
	if !all.known {
		return ""
	}
	var ready, serving, able int
	var drained struct{ serving, able bool }
	missing := maps.Clone(j.Queue.Requires) // what none of those has that serve the project
	for i := range all.workers {
		w := &all.workers[i]
		if w.State != store.WorkerReady {
			drained.serving, drained.able = drained.serving || serves(w, j), drained.able || takes(w, j)
			continue
		}
		ready++
		if !serves(w, j) {
			continue
		}
		serving++
		if takes(w, j) {
			able++
		}
		maps.DeleteFunc(missing, func(k, v string) bool { had, ok := w.Labels[k]; return ok && had == v })
	}
	switch {
	case able > 0:
		return ""
	case len(all.workers) == 0 && s.self() != "":
		return "No worker runs: this service's own was drained, and is back when the service is started again."
	case len(all.workers) == 0:
		return "No worker runs: start kedrod worker on the same database, or kedrod serve without --no-worker."
	case ready == 0:
		return "All workers are draining: it runs once one is started again."
	case serving == 0 && drained.serving:
		return fmt.Sprintf("All workers that serve the project %s are draining.", j.Project)
	case serving == 0:
		return fmt.Sprintf("No worker serves the project %s.", j.Project)
	case drained.able:
		return "All workers that have the labels it requires are draining."
	}
	if key, value, lacks := store.Lacks(missing, nil); lacks {
		return fmt.Sprintf("No worker has the label %s=%s that it requires.", key, value)
	}
	return "No worker has all the labels that it requires."
}

// alone reports whether this process's worker is the only one that may take a job.
func (s *Service) alone(j *job.Job, all crew) bool {
	for i := range all.workers {
		if w := &all.workers[i]; w.ID != s.self() && w.State == store.WorkerReady && takes(w, j) {
			return false
		}
	}
	return s.self() != ""
}
