package service

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/kedro"
	"github.com/kedrod/kedrod/internal/store"
)

// Grade is how well a part of the service is.
type Grade string

// The grades. Down: the store can't be used. Degraded: it can, someone should look.
const (
	OK       Grade = "ok"
	Degraded Grade = "degraded"
	Down     Grade = "down"
)

// HealthCheck is one part of Health.
type HealthCheck struct {
	Grade   Grade
	Message string // a sentence, without secrets: anybody may read it
}

// Health is how the service is.
type Health struct {
	Grade   Grade
	Version string
	Checks  map[string]HealthCheck
}

const (
	checkTime = 3 * time.Second
	// lowDisk is when someone should look although no run needs so much to begin.
	lowDisk = 256 << 20
)

// Health looks at every part. It needs no right: it tells no secret.
func (s *Service) Health(ctx context.Context) Health {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	h := Health{Grade: OK, Version: s.o.Version, Checks: map[string]HealthCheck{
		"store": s.checkStore(ctx), "worker": s.checkWorkers(ctx), "disk": s.checkDisk(), "projects": s.checkProjects(ctx),
	}}
	for _, c := range h.Checks {
		if c.Grade == Down || (c.Grade == Degraded && h.Grade == OK) {
			h.Grade = c.Grade
		}
	}
	return h
}

// Stop tells the service that the process is about to end: it goes on answering, and
// is not ready any more.
func (s *Service) Stop() { s.stopping.Store(true) }

// Ready reports whether the service can take a job; the error says why not.
func (s *Service) Ready(ctx context.Context) error {
	if s.stopping.Load() {
		return fault.New(fault.Unavailable, "the service is stopping")
	}
	if s.full() { // the store would take this check, and refuses jobs
		return fault.New(fault.Unavailable, "the disk with the data folder is full: free some space")
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	if err := s.o.Store.Check(ctx); err != nil {
		return fault.Wrap(err, fault.Unavailable, "the store can't be used: the service's log says why")
	}
	return nil
}

func (s *Service) checkStore(ctx context.Context) HealthCheck {
	if err := s.o.Store.Check(ctx); err != nil {
		s.o.Log.Error("the store can't be used", "error", err)
		return HealthCheck{Down, "The store can't be used; the service's log says why."}
	}
	pending, running, err := s.o.Store.Count(ctx)
	if err != nil {
		return HealthCheck{Down, "The store can't be read; the service's log says why."}
	}
	return HealthCheck{OK, fmt.Sprintf("%d jobs wait, %d run.", pending, running)}
}

func (s *Service) checkWorkers(ctx context.Context) HealthCheck {
	workers, err := s.o.Store.Workers(ctx, s.o.Now())
	if err != nil {
		return HealthCheck{Degraded, "The workers can't be read."}
	}
	ready, slots, draining := 0, 0, 0
	for i := range workers {
		switch w := &workers[i]; w.State {
		case store.WorkerReady:
			ready, slots = ready+1, slots+w.Slots
		case store.WorkerDraining:
			draining++
		case store.WorkerStopped, store.WorkerLost:
		}
	}
	if ready == 0 && s.stopping.Load() {
		return HealthCheck{Degraded, "The service is stopping: jobs wait until it is started again."}
	}
	if ready == 0 && draining > 0 {
		return HealthCheck{Degraded, "All workers are draining: jobs wait until one is started again."}
	}
	if ready == 0 && s.self() != "" {
		return HealthCheck{Degraded, "This service's worker was drained, and no other is ready: jobs wait until the service is started again."}
	}
	if ready == 0 {
		return HealthCheck{Degraded, "No worker is ready: jobs wait. Start kedrod worker on the same database, or kedrod serve without --no-worker."}
	}
	return HealthCheck{OK, fmt.Sprintf("%d ready, with %d slots.", ready, slots)}
}

func (s *Service) full() bool { return s.o.Space != nil && s.o.Space.Full() }

func (s *Service) low() bool { return s.o.Space != nil && s.o.Space.Low() }

const megabyte = 1_000_000 // as in settings

func (s *Service) checkDisk() HealthCheck {
	free, err := FreeBytes(s.o.DataDir)
	switch {
	case err != nil:
		return HealthCheck{Degraded, "The data folder's disk can't be read."}
	case s.full():
		return HealthCheck{Degraded, fmt.Sprintf("The data folder's disk is full, with %d MB free: no job is accepted and no run begins. Free some.", free/megabyte)}
	case free < s.o.MinFree:
		return HealthCheck{Degraded, fmt.Sprintf("Only %d MB are free on the data folder's disk, and no run begins below %d MB (disk.min_free): free some.", free/megabyte, s.o.MinFree/megabyte)}
	case free < max(2*s.o.MinFree, lowDisk): // before runs wait
		return HealthCheck{Degraded, fmt.Sprintf("Only %d MB are free on the data folder's disk: free some; below %d MB no run begins (disk.min_free).", free/megabyte, s.o.MinFree/megabyte)}
	}
	return HealthCheck{OK, fmt.Sprintf("%d MB are free.", free/megabyte)}
}

func (s *Service) checkProjects(ctx context.Context) HealthCheck {
	var bad []string
	for i := range s.o.Projects {
		p := &s.o.Projects[i]
		r, known := p.Catalog.Snapshot()
		switch {
		case kedro.Gone(p.Path):
			bad = append(bad, "the folder of "+p.Name+" is gone or empty, and its jobs wait")
		case r.Error != nil:
			bad = append(bad, p.Name+" can't be loaded")
		case !known && !p.Catalog.Refreshing():
			bad = append(bad, p.Name+" has not been read")
		}
	}
	differing := s.differing(ctx)
	if len(bad) > 0 {
		return HealthCheck{Degraded, strings.Join(append([]string{strings.Join(bad, ", ") + ": GET /api/v1/projects says why."}, differing...), " ")}
	}
	if len(differing) > 0 {
		return HealthCheck{Degraded, strings.Join(differing, " ")}
	}
	return HealthCheck{OK, fmt.Sprintf("%d served.", len(s.o.Projects))}
}
