package service

import (
	"context"
	"os"
	"sync"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/joblog"
	"github.com/kedrod/kedrod/internal/store"
)

// endings watches attempts for those who follow their logs: each attempt once,
// however many follow it.
type endings struct {
	store Store
	mu    sync.Mutex
	open  map[attemptKey]*ending
}

type attemptKey struct {
	job     string
	attempt int
}

// ending is what followers of an attempt's log wait for.
type ending struct {
	users  int // under endings.mu
	cancel context.CancelFunc
	gone   chan struct{}

	begun chan struct{}  // closed: the log is there
	there *joblog.Remote // set before begun is closed: it is in the store, not on this machine
	over  chan struct{}  // closed: the attempt is over, or err
	err   error          // read it after over
}

// fileTime is how often a file that is still to appear is looked for.
const fileTime = 50 * time.Millisecond

// join gives what watches an attempt, which is then to be left.
// remote looks for it in the store: nil where it is not there.
func (e *endings) join(ctx context.Context, key attemptKey, path string, remote func(context.Context) (*joblog.Remote, error)) *ending {
	e.mu.Lock()
	defer e.mu.Unlock()
	if w := e.open[key]; w != nil {
		w.users++
		return w
	}
	wake, unsubscribe := e.store.Subscribe(store.TopicJob(key.job))
	watching, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w := &ending{users: 1, cancel: cancel, gone: make(chan struct{}), begun: make(chan struct{}), over: make(chan struct{})}
	e.open[key] = w
	go func() {
		defer close(w.gone)
		defer unsubscribe()
		w.err = w.watch(watching, e.store, key, path, remote, wake)
		close(w.over)
	}()
	return w
}

// leave ends a follower's use; the last one ends the watching.
func (e *endings) leave(key attemptKey, w *ending) {
	e.mu.Lock()
	w.users--
	last := w.users == 0
	if last {
		delete(e.open, key)
	}
	e.mu.Unlock()
	if last {
		w.cancel()
		<-w.gone
	}
}

// remote gives the log in the store once begun is closed; nil where it is on this machine.
func (w *ending) remote() *joblog.Remote {
	select {
	case <-w.begun:
		return w.there
	default:
		return nil
	}
}

// watch returns when the attempt is over and all of its log is there that will be, or ctx
// is.
func (w *ending) watch(ctx context.Context, s Store, key attemptKey, path string, remote func(context.Context) (*joblog.Remote, error), wake <-chan struct{}) error {
	look := time.NewTicker(fileTime)
	defer look.Stop()
	file := look.C
	anyway := time.NewTicker(lookAnyway)
	defer anyway.Stop()
	begin := func(r *joblog.Remote) {
		w.there = r
		close(w.begun)
		file = nil
		look.Stop()
	}
	there := func() {
		if file == nil {
			return
		}
		if _, err := os.Stat(path); err == nil {
			begin(nil)
		}
	}
	var late <-chan time.Time // when an end that was not handed over is waited for no longer
	for {
		j, err := s.Get(ctx, key.job)
		if err != nil {
			return err
		}
		there()
		if file != nil { // it may run on another machine
			r, err := remote(ctx)
			if err != nil {
				return err
			}
			if r != nil {
				begin(r)
			}
		} else if w.there != nil {
			if err := w.there.Refresh(); err != nil {
				return err
			}
		}
		if over(&j, key.attempt) {
			if w.there == nil || w.there.Head().Whole {
				return nil
			}
			if late == nil {
				late = time.After(lastPieces)
			}
		}
		for again := false; !again; {
			select {
			case <-wake:
				again = true
			case <-anyway.C:
				again = true
			case <-file:
				there()
			case <-late:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// lastPieces is how long followers wait for the end of a log in the store once its
// attempt is over: it may lie on a machine that is gone, or cut off.
const lastPieces = 10 * time.Second

// over reports whether nothing more can come from an attempt.
func over(j *job.Job, attempt int) bool {
	return j.Status.Terminal() || j.Attempt > attempt || (j.Attempt == attempt && j.Status != job.Running)
}
