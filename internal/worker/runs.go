package worker

import (
	"context"
	"time"

	"github.com/kedrod/kedrod/internal/job"
)

// begin runs the jobs of a claim that was sent at that time, unless its answer came so
// late that they may be given back already.
func (w *Worker) begin(ctx context.Context, sent time.Duration, jobs []job.Job) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.lease.mayBegin(sent) {
		return false
	}
	for i := range jobs {
		a := newAttempt(w, jobs[i])
		w.launch(a, func() { a.run(ctx) })
	}
	return true
}

// launch gives an attempt a slot and a goroutine. The caller holds w.mu.
func (w *Worker) launch(a *attempt, run func()) {
	a.heard = w.o.Boot()
	for _, other := range w.known {
		if other.ref.JobID == a.ref.JobID { // it does not stand any more, though nobody has told it yet
			a.before = append(a.before, other)
		}
	}
	w.active[a.slot()], w.known[a.ref] = a, a
	w.wg.Go(func() {
		defer w.forget(a)
		defer w.release(a)
		run()
	})
}

// forget ends what is known of an attempt, once nobody has to be told of it any more.
func (w *Worker) forget(a *attempt) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.known, a.ref)
}

// heard gives all attempts that are known, with the time since when.
func (w *Worker) heard() map[job.Ref]time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	heard := make(map[job.Ref]time.Duration, len(w.known))
	for ref, a := range w.known {
		heard[ref] = a.heard
	}
	return heard
}

// tell hands something to an attempt, if it is known here.
func (w *Worker) tell(ref job.Ref, fn func(*attempt)) {
	w.mu.Lock()
	a := w.known[ref]
	w.mu.Unlock()
	if a != nil {
		fn(a)
	}
}

// release frees the attempt's slot; it may be called again. That happens as soon as
// the last process is gone and before the report, so that report and next claim
// share a transaction.
func (w *Worker) release(a *attempt) {
	w.mu.Lock()
	delete(w.active, a.slot())
	w.mu.Unlock()
	w.wake()
}

// wake has the claiming goroutine look for free slots.
func (w *Worker) wake() {
	select {
	case w.freed <- struct{}{}:
	default:
	}
}

func (w *Worker) running() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.active)
}

func (w *Worker) each(fn func(*attempt)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.active {
		fn(a)
	}
}
