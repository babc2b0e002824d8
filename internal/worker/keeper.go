package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kedrod/kedrod/internal/clock"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/lease"
	"github.com/kedrod/kedrod/internal/store"
)

// keeper renews the worker's lease, ends its runs when it can't, and holds what the store
// says it has against what runs here. Its loop never waits for the store.
type keeper struct {
	w     *Worker
	steps *clock.Steps

	mu     sync.Mutex
	holder *lease.Holder
	lost   bool          // refused for good
	next   chan struct{} // closed by the next good renewal

	answers chan answer
	beside  sync.WaitGroup // what follows from an answer and needs the store
	busy    chan struct{}  // holds one while that goes on
	enough  chan struct{}  // closed by stop
	ended   chan struct{}  // closed when no renewal is under way any more

	// Of the loop's goroutine.
	over, failing bool
}

// answer is what came of one renewal.
type answer struct {
	sent     time.Duration
	standing store.Standing
	err      error
}

func newKeeper(w *Worker) *keeper {
	return &keeper{
		w: w, steps: clock.NewSteps(w.o.Wall, w.o.Boot), holder: lease.NewHolder(w.o.Lease, w.o.Self.Beat),
		next: make(chan struct{}), answers: make(chan answer, 1), busy: make(chan struct{}, 1),
		enough: make(chan struct{}), ended: make(chan struct{}),
	}
}

// wake is how often the clock is read at least: timers stand still while the machine is
// suspended, and this clock does not.
const wake = 250 * time.Millisecond

// run keeps the lease until ctx ends. An error is store.ErrLost: by then every run has been
// sent SIGKILL.
func (k *keeper) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer close(k.ended)
	defer k.beside.Wait()
	defer cancel()
	defer k.w.keeping.rest()
	ticker := time.NewTicker(min(wake, lease.Retry(k.w.o.Lease)))
	defer ticker.Stop()
	trying := false
	for {
		k.w.keeping.beat()
		if k.steps.Look() != 0 { // perhaps a virtual machine that was put back
			k.locked(func(h *lease.Holder) { h.Hurry() })
		}
		k.giveUp()
		if !trying && k.due() {
			trying = true
			k.send(ctx)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-k.enough:
			return nil
		case a := <-k.answers:
			trying = false
			if err := k.take(ctx, a); err != nil {
				return err
			}
		case <-ticker.C:
		}
	}
}

// stop ends run, for another worker of the same id to go on with the lease as state tells
// it. Call it once, after run was begun.
func (k *keeper) stop() {
	close(k.enough)
	<-k.ended
}

func (k *keeper) state() (s lease.State) {
	k.locked(func(h *lease.Holder) { s = h.State() })
	return s
}

func (k *keeper) locked(fn func(h *lease.Holder)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	fn(k.holder)
}

func (k *keeper) due() (due bool) {
	k.locked(func(h *lease.Holder) { due = h.Due(k.w.o.Boot()) })
	return due
}

// send renews beside the loop.
func (k *keeper) send(ctx context.Context) {
	sent := k.w.o.Boot()
	var beat int64
	k.locked(func(h *lease.Holder) { beat = h.Send(sent) })
	k.beside.Go(func() {
		bounded, cancel := context.WithTimeout(ctx, lease.Try(k.w.o.Lease))
		defer cancel()
		standing, err := k.w.o.Store.Renew(bounded, k.w.o.Self.ID, beat)
		k.answers <- answer{sent, standing, err}
	})
}

// giveUp ends all runs once the lease is over, those too that are started meanwhile.
func (k *keeper) giveUp() {
	over := false
	k.locked(func(h *lease.Holder) { over = h.Over(k.w.o.Boot()) })
	if over {
		if n := k.w.running(); !k.over {
			k.w.o.Log.Error("the lease could not be renewed: other workers may take the jobs, so their runs are killed", "lease", k.w.o.Lease.String(), "runs", n)
		}
		k.w.each(func(a *attempt) { a.kill(endLease) })
	}
	k.over = over
}

func (k *keeper) take(ctx context.Context, a answer) error {
	now := k.w.o.Boot()
	switch {
	case errors.Is(a.err, store.ErrLost):
		k.locked(func(*lease.Holder) { k.lost = true })
		k.w.each(func(a *attempt) { a.kill(endFenced) })
		k.w.o.Log.Error("this worker was taken for lost: its runs are killed", "runs", k.w.running())
		return fmt.Errorf("worker %s: %w", k.w.o.Self.ID, a.err)
	case a.err != nil:
		k.locked(func(h *lease.Holder) { h.Failed(now) })
		if !k.failing && ctx.Err() == nil {
			k.w.o.Log.Warn("the lease can't be renewed; trying again", "error", a.err)
		}
		k.failing = true
		return nil
	}
	if k.failing {
		k.failing = false
		k.w.o.Log.Info("the lease is renewed again")
	}
	known := k.w.heard()
	var compared lease.Compared
	var moved, quiet bool
	var deadline time.Duration
	k.locked(func(h *lease.Holder) {
		moved = h.Renewed(a.sent, now, a.standing.Timeline)
		quiet, deadline = h.Quiet(now), h.Deadline()
		compared = h.Compare(a.sent, now, known, a.standing.Held)
		close(k.next)
		k.next = make(chan struct{})
	})
	if moved {
		k.w.o.Log.Warn("the database has failed over: no job is claimed for one lease", "lease", k.w.o.Lease.String())
	}
	if k.w.o.Tick != nil {
		k.w.o.Tick(deadline)
	}
	k.follow(ctx, compared, quiet)
	k.w.wake()
	return nil
}

// follow does what the answer to a renewal asks for.
func (k *keeper) follow(ctx context.Context, c lease.Compared, quiet bool) {
	for _, ref := range c.Cancel {
		k.w.tell(ref, func(a *attempt) { a.end(endCancel) })
	}
	assert := c.Lost
	if !quiet {
		assert = nil
		for _, ref := range c.Lost {
			k.w.tell(ref, func(a *attempt) { a.kill(endFenced) })
		}
	}
	if len(assert)+len(c.Return) == 0 {
		return
	}
	select {
	case k.busy <- struct{}{}:
	default:
		return // the next renewal comes to the same
	}
	k.beside.Go(func() {
		defer func() { <-k.busy }()
		bounded, cancel := context.WithTimeout(ctx, writeTime)
		defer cancel()
		for _, ref := range assert {
			k.assert(bounded, ref)
		}
		for _, ref := range c.Return {
			k.giveBack(bounded, ref)
		}
	})
}

// assert makes a claim again that a failover lost, or ends its run where another was first.
func (k *keeper) assert(ctx context.Context, ref job.Ref) {
	err := k.w.o.Store.Assert(ctx, ref)
	switch {
	case err == nil:
		k.w.o.Log.Warn("a claim that the database had lost was made again", "job", ref.JobID, "attempt", ref.Attempt)
	case refusedForGood(err):
		k.w.o.Log.Warn("the job of a run is not this worker's any more after a failover", "job", ref.JobID, "attempt", ref.Attempt, "error", err)
		k.w.tell(ref, func(a *attempt) { a.kill(endFenced) })
	default:
		k.w.o.Log.Warn("a claim can't be made again; trying with the next renewal", "job", ref.JobID, "attempt", ref.Attempt, "error", err)
	}
}

// giveBack returns a job whose claim's answer never came. Where its run has ended all the
// same (the store has lost a report) the outcome lies in its folder.
func (k *keeper) giveBack(ctx context.Context, ref job.Ref) {
	log := k.w.o.Log.With("job", ref.JobID, "attempt", ref.Attempt)
	rec, ok, err := k.w.o.Runs.Attempt(ref.JobID, ref.Attempt).ReadOutcome()
	if err == nil && ok && rec.Ref == ref {
		_, err = k.w.o.Store.Report(ctx, ref, rec.Outcome, store.Advance{})
		log.Warn("an outcome that the store did not have was reported again", "status", string(rec.Outcome.Status))
	} else {
		_, err = k.w.o.Store.GiveBack(ctx, ref)
		log.Warn("the answer to a claim never came: the job, which was not started, goes back to the queue")
	}
	if err != nil && !errors.Is(err, job.ErrFenced) && ctx.Err() == nil {
		log.Warn("the job can't be given back; trying with the next renewal", "error", err)
	}
}

// mayClaim tells whether jobs may be asked for now.
func (k *keeper) mayClaim() (may bool) {
	k.locked(func(h *lease.Holder) { may = !k.lost && h.MayClaim(k.w.o.Boot()) })
	return may
}

// mayBegin tells whether the jobs of a claim may be run that was sent at that time. If
// not, renewals give them back.
func (k *keeper) mayBegin(sent time.Duration) bool {
	return k.w.o.Boot()-sent <= lease.Answer(k.w.o.Lease) && k.mayClaim()
}

// renewed gives a channel that the next good renewal closes.
func (k *keeper) renewed() <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.next
}
