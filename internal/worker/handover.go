package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/kedrod/kedrod/internal/executor"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/kedro"
	"github.com/kedrod/kedrod/internal/lease"
	"github.com/kedrod/kedrod/internal/store"
)

// Handed is what a worker was about, for the next one with its id to go on with: another
// binary's, or this one's where the exec fails.
type Handed struct {
	Attempts []HandedAttempt `json:"attempts"`
	Lease    lease.State     `json:"lease"`
}

// phase is where an attempt stood.
type phase string

const (
	phaseClaimed   phase = "claimed"   // no process was started
	phaseRunning   phase = "running"   // its run is the executor's
	phaseEnded     phase = "ended"     // its outcome is not reported
	phaseReturned  phase = "returned"  // it is not given back yet
	phaseAbandoned phase = "abandoned" // that its run was ended for the lease is not told yet
	phaseStuck     phase = "stuck"     // reported; what is left of its run holds the slot
)

// HandedAttempt is one attempt. What is set beside Job and Phase depends on the phase.
type HandedAttempt struct {
	Job     job.Job        `json:"job"`
	Phase   phase          `json:"phase"`
	Ending  ending         `json:"ending,omitempty"`
	From    time.Duration  `json:"from,omitempty"` // since boot: where its time limit counts from
	Python  string         `json:"python,omitempty"`
	Code    kedro.Code     `json:"code"`
	Pump    *handedPump    `json:"pump,omitempty"`
	Outcome *job.Outcome   `json:"outcome,omitempty"`
	Last    *store.Advance `json:"last,omitempty"`
}

// handover is the state of handing a worker over.
type handover struct {
	begun  context.Context // ends when the worker is to claim no more
	begin  context.CancelFunc
	frozen context.Context // ends when each attempt is to stand still and tell where
	freeze context.CancelFunc
	quiet  chan struct{} // closed when Run claims no more
	taken  chan struct{} // closed when all is told

	mu       sync.Mutex
	attempts []HandedAttempt
	adopted  []HandedAttempt // from the worker before
	runs     map[string]*executor.Run
}

func newHandover() *handover {
	h := &handover{quiet: make(chan struct{}), taken: make(chan struct{})}
	h.begun, h.begin = context.WithCancel(context.Background())
	h.frozen, h.freeze = context.WithCancel(context.Background())
	return h
}

// flushTime is how long reports that are under way may take before they are handed over.
const flushTime = 3 * time.Second

// HandOver ends Run without ending any run, and tells what was going on. First it claims no
// more, then it calls freeze, which is to freeze the executor (executor.Freeze); reports
// under way may take 3 s. Call it once, while Run runs; the worker is of no use
// afterwards. freeze's error is returned with all that was going on.
func (w *Worker) HandOver(freeze func() error) (Handed, error) {
	w.hand.begin()
	<-w.hand.quiet
	err := freeze()
	w.hand.freeze()
	still := make(chan struct{})
	go func() { w.wg.Wait(); close(still) }()
	timer := time.NewTimer(flushTime)
	defer timer.Stop()
	select {
	case <-still:
	case <-timer.C:
		w.stopWork()
		<-still
	}
	w.lease.stop()
	close(w.hand.taken)
	return Handed{Attempts: w.hand.attempts, Lease: w.lease.state()}, err
}

// Adopt has Run begin with what was handed over by a worker of the same id; runs are the
// executor's, by their ids. Those that no attempt is about are ended. Call it before Recover.
func (w *Worker) Adopt(h Handed, runs map[string]*executor.Run) {
	w.hand.adopted, w.hand.runs = h.Attempts, runs
	w.lease.holder = lease.Resume(w.o.Lease, h.Lease)
	for i := range h.Attempts {
		if h.Attempts[i].Phase == phaseRunning { // else its log would be taken for one that is over
			newAttempt(w, h.Attempts[i].Job).beginLog()
		}
	}
}

// adopts tells whether a job is among those that were handed over.
func (w *Worker) adopts(ref job.Ref) bool {
	for i := range w.hand.adopted {
		if j := &w.hand.adopted[i].Job; j.ID == ref.JobID && j.Attempt == ref.Attempt {
			return true
		}
	}
	return false
}

// handOn notes where an attempt stands.
func (a *attempt) handOn(h HandedAttempt) {
	h.Job, h.Ending = a.j, a.ending()
	a.w.hand.mu.Lock()
	defer a.w.hand.mu.Unlock()
	a.w.hand.attempts = append(a.w.hand.attempts, h)
}

func (a *attempt) frozen() bool { return a.w.hand.frozen.Err() != nil }

// resumeAll begins the attempts that were handed over.
func (w *Worker) resumeAll(ctx context.Context) {
	for i := range w.hand.adopted {
		h := &w.hand.adopted[i]
		a := newAttempt(w, h.Job)
		a.why = h.Ending
		if h.Ending != endNone {
			close(a.stop)
		}
		run := w.hand.runs[runID(&h.Job)]
		delete(w.hand.runs, runID(&h.Job))
		if h.Phase == phaseStuck {
			if run != nil {
				a.holdSlot(run)
			}
			continue
		}
		w.mu.Lock()
		w.launch(a, func() { a.resume(ctx, h, run) })
		w.mu.Unlock()
	}
	for id, run := range w.hand.runs {
		w.wg.Go(func() {
			if err := run.Stop(ctx, executor.Grace{}); err != nil && !errors.Is(err, executor.ErrHandover) {
				w.o.Log.Warn("a process that belongs to no job can't be ended", "run", id, "error", err)
			}
		})
	}
}

// resume goes on with an attempt where the worker before was.
func (a *attempt) resume(ctx context.Context, h *HandedAttempt, run *executor.Run) {
	begun := time.Now()
	if h.Phase == phaseClaimed {
		a.run(ctx)
		return
	}
	switch {
	case h.Phase == phaseAbandoned:
		close(a.gone)
		a.w.release(a)
		a.abandon(ctx)
	case h.Phase == phaseRunning && run != nil && h.Pump != nil:
		a.log.Info("going on with a run", "pid", run.PID())
		p := h.Pump.restore(a)
		o, verdict := a.attend(ctx, run, p, ground{python: h.Python, code: h.Code}, deadline{limit: a.j.Queue.Timeout, from: h.From})
		close(a.gone)
		a.settle(ctx, o, verdict, p, begun)
	case h.Phase == phaseEnded && h.Outcome != nil:
		close(a.gone)
		last := store.Advance{}
		if h.Last != nil {
			last = *h.Last
		}
		a.w.release(a)
		a.finishLog(ctx)
		a.report(ctx, *h.Outcome, last, begun)
	default:
		close(a.gone)
		a.giveBack(ctx)
	}
}

// handedPump is a pump's knowledge.
type handedPump struct {
	Events   int64                       `json:"events"` // offset in the events file
	Log      int64                       `json:"log"`    // offset in the log
	Partial  string                      `json:"partial,omitempty"`
	State    kedro.SavedState            `json:"state"`
	Sent     map[string]kedro.NodeStatus `json:"sent"`
	Progress job.Progress                `json:"progress"`
	Next     store.Advance               `json:"next"`
	Dirty    bool                        `json:"dirty,omitempty"`
}

func (p *pump) hand() *handedPump {
	return &handedPump{
		Events: p.reader.Offset(), Log: p.log.offset, Partial: string(p.log.partial), State: p.state.Save(),
		Sent: p.sent, Progress: p.progress, Next: p.next, Dirty: p.dirty,
	}
}

func (h *handedPump) restore(a *attempt) *pump {
	p := newPump(a)
	p.reader = kedro.NewEventReader(a.dir.Events(), h.Events)
	p.log.offset, p.log.partial = h.Log, []byte(h.Partial)
	p.state, p.progress, p.next, p.dirty = h.State.Restore(), h.Progress, h.Next, h.Dirty
	if h.Sent != nil {
		p.sent = h.Sent
	}
	return p
}
