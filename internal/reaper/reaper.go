// Package reaper takes jobs from workers that are lost. It runs in every process on a
// store that several share; none leads, since of several who reap one worker the store
// lets one.
//
// It trusts nobody's clock but its own, and its own only for what it has itself seen
// between: see package lease.
package reaper

import (
	"context"
	"log/slog"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/lease"
	"github.com/kedrod/kedrod/internal/store"
)

// Store is what a reaper needs of the store.
type Store interface {
	Beats(ctx context.Context) (store.Beats, error)
	Reap(ctx context.Context, worker string, beat int64) (lost []job.Job, reaped bool, err error)
}

// Options of New. Everything must be set.
type Options struct {
	Store Store
	Boot  func() time.Duration // clock.SinceBoot: it never steps, and counts suspended time
	Log   *slog.Logger
}

// Reaper watches the beats of all workers.
type Reaper struct {
	o       Options
	watch   *lease.Watch
	failing bool
}

// New makes a reaper; nothing is started.
func New(o Options) *Reaper { return &Reaper{o: o, watch: lease.NewWatch()} }

// Run reads the beats and reaps who is lost, until ctx ends. It returns nil.
func (r *Reaper) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		timer.Reset(r.watch.Every())
		r.look(ctx)
	}
}

func (r *Reaper) look(ctx context.Context) {
	begun := r.o.Boot()
	bounded, cancel := context.WithTimeout(ctx, readTime)
	beats, err := r.o.Store.Beats(bounded)
	cancel()
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		r.watch.Missed()
		if !r.failing {
			r.o.Log.Warn("the workers' beats can't be read; nobody is taken for lost meanwhile", "error", err)
		}
		r.failing = true
		return
	}
	r.failing = false
	for _, lost := range r.watch.Read(begun, r.o.Boot(), beats) {
		r.reap(ctx, lost)
	}
}

const (
	// readTime bounds a read of the beats. One that takes longer than a fifth of a lease
	// begins the watch of those with that lease anew, and of nobody else.
	readTime = 2 * time.Second
	reapTime = 5 * time.Second
)

// reap tries once: who is still seen to stand still is tried again after the next read.
func (r *Reaper) reap(ctx context.Context, lost store.Beat) {
	bounded, cancel := context.WithTimeout(ctx, reapTime)
	defer cancel()
	jobs, reaped, err := r.o.Store.Reap(bounded, lost.Worker, lost.Beat)
	if err != nil {
		if ctx.Err() == nil {
			r.o.Log.Error("a lost worker's jobs can't be taken from it; trying again", "lost_worker", lost.Worker, "error", err)
		}
		return
	}
	if !reaped { // another was quicker, or it renewed in the last moment
		return
	}
	r.o.Log.Warn("a worker is lost: it did not renew its lease", "lost_worker", lost.Worker, "lease", lost.Lease.String(), "jobs", len(jobs))
	for i := range jobs {
		r.o.Log.Warn("its worker was lost while it ran the job", "job", jobs[i].ID, "attempt", jobs[i].Attempt, "lost_worker", lost.Worker,
			"now", string(jobs[i].Status))
	}
}
