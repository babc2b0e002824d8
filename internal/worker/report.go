package worker

import (
	"context"
	"errors"
	"time"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

func (a *attempt) giveBack(ctx context.Context) {
	if a.ending() == endLease && !a.holds() {
		if a.frozen() {
			a.handOn(HandedAttempt{Phase: phaseReturned})
		}
		return
	}
	a.log.Info("the job goes back to the queue")
	ok := a.persist(ctx, "give back", func(ctx context.Context) error {
		_, err := a.w.o.Store.GiveBack(ctx, a.ref)
		return err
	})
	if !ok && a.frozen() {
		a.handOn(HandedAttempt{Phase: phaseReturned})
	}
}

// abandon tells the store of a run that was ended for the lease.
func (a *attempt) abandon(ctx context.Context) {
	ok := a.holds()
	if ok {
		a.log.Info("the job goes back to the queue, as it lost its worker")
		ok = a.persist(ctx, "abandon", func(ctx context.Context) error {
			_, err := a.w.o.Store.Abandon(ctx, a.ref)
			return err
		})
	}
	if !ok && a.frozen() {
		a.handOn(HandedAttempt{Phase: phaseAbandoned})
	}
}

// holds waits until the store has renewed the lease that was over, and tells whether it
// has: a worker that was taken for lost, or has a copy that renews, has no say.
func (a *attempt) holds() bool {
	select {
	case <-a.w.lease.renewed():
		return true
	case <-a.w.lost.Done():
	case <-a.w.killed.Done():
	case <-a.w.hand.frozen.Done():
	}
	return false
}

// writeTime bounds one write, so that one which hangs is repeated.
const writeTime = 10 * time.Second

// refusedForGood tells an answer of the store that repeating does not change.
func refusedForGood(err error) bool {
	return errors.Is(err, job.ErrFenced) || fault.Is(err, fault.NotFound)
}

// report tells the store until it has it. What it can't tell before Kill stays in
// the run's folder for the next start.
func (a *attempt) report(ctx context.Context, o job.Outcome, last store.Advance, begun time.Time) {
	ok := a.persist(ctx, "report", func(ctx context.Context) error {
		_, err := a.w.o.Store.Report(ctx, a.ref, o, last)
		return err
	})
	switch {
	case ok:
		a.log.Debug("reported", "claimed_to_reported", time.Since(begun))
	case a.frozen():
		a.handOn(HandedAttempt{Phase: phaseEnded, Outcome: &o, Last: &last})
	}
}

// persist repeats a write to the store until it succeeds, is refused for good, Kill is
// called or the worker is handed over. It reports whether the store has it.
func (a *attempt) persist(ctx context.Context, what string, write func(context.Context) error) bool {
	wait := 100 * time.Millisecond
	for {
		bounded, cancel := context.WithTimeout(ctx, writeTime)
		err := write(bounded)
		cancel()
		switch {
		case err == nil:
			return true
		case refusedForGood(err):
			a.log.Warn("refused: the attempt no longer stands", "what", what)
			return true
		}
		a.log.Error("the store can't take it; trying again", "what", what, "error", err)
		select {
		case <-time.After(wait):
		case <-a.w.killed.Done():
			return false
		case <-a.w.hand.frozen.Done():
			return false
		}
		wait = min(2*wait, 2*time.Second)
	}
}
