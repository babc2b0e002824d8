// Package worker claims jobs, runs them and reports how they ended.
//
// One goroutine claims (Run); each run has one of its own (attempt.go). The outcome
// is written to the run's folder before it is reported, so that a restart reports
// what this process could not (recover.go).
package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/kedrod/kedrod/internal/clock"
	"github.com/kedrod/kedrod/internal/executor"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/joblog"
	"github.com/kedrod/kedrod/internal/rundir"
	"github.com/kedrod/kedrod/internal/store"
)

// Store is what a worker needs of the store.
type Store interface {
	Claim(ctx context.Context, c store.Claim) ([]job.Job, error)
	Advance(ctx context.Context, ref job.Ref, a store.Advance) error
	Report(ctx context.Context, ref job.Ref, o job.Outcome, last store.Advance) (job.Job, error)
	GiveBack(ctx context.Context, ref job.Ref) (job.Job, error)
	LoseWorker(ctx context.Context, worker string) ([]job.Job, error)
	Held(ctx context.Context) ([]job.Job, error)
	Cancelling(ctx context.Context, worker string) ([]job.Ref, error)
	DrainRequested(ctx context.Context, worker string) (bool, error)
	NextReady(ctx context.Context) (*time.Time, error)
	ExpireDue(ctx context.Context) error
	ShiftTries(ctx context.Context, by time.Duration) error
	SaveWorker(ctx context.Context, w store.Worker) error
	Workers(ctx context.Context, endedSince time.Time) ([]store.Worker, error)
	Subscribe(topic string) (<-chan struct{}, func())
}

// Starter starts a run's process; *executor.Executor is one.
type Starter interface {
	Start(ctx context.Context, spec executor.Spec) (*executor.Run, error)
}

// Options of New. Everything must be set.
type Options struct {
	Self     store.Worker // its id, host, version and slots; the rest is filled in
	Store    Store
	Starter  Starter
	Projects []*Project
	Runs     rundir.Root
	Grace    executor.Grace // from a cancel or timeout to SIGKILL
	Watcher  *joblog.Watcher
	LogSize  int64         // how much of a run's log is kept, in bytes; 0: all of it
	Limits   store.Limits  // slots of projects and pipelines
	Drain    time.Duration // how long Run waits for its runs when it is to stop
	Wall     func() time.Time
	Log      *slog.Logger
}

// Worker runs jobs. Make it with New, then call Recover, Enter and Run once each.
type Worker struct {
	o        Options
	projects map[string]*Project
	names    []string
	gone     map[string]bool // projects without their folder; of the claiming goroutine
	steps    *clock.Steps
	poll     time.Duration // between looks at the store that no wake-up asked for

	freed  chan struct{}   // a slot became free
	killed context.Context // ends with Kill
	kill   context.CancelFunc

	claiming, cancelling pulse // of the two loops
	hand                 *handover
	stopWork             context.CancelFunc // ends the context of what is under way; set by Run

	mu     sync.Mutex
	active map[string]*attempt // by job id
	wg     sync.WaitGroup
}

// New makes a worker; nothing is started.
func New(o Options) *Worker {
	w := &Worker{
		o: o, projects: map[string]*Project{}, gone: map[string]bool{}, poll: time.Second, freed: make(chan struct{}, 1), active: map[string]*attempt{},
		hand: newHandover(), steps: clock.NewSteps(o.Wall, clock.SinceBoot),
	}
	w.killed, w.kill = context.WithCancel(context.Background())
	for i := range o.Projects {
		w.projects[o.Projects[i].Name] = o.Projects[i]
		w.names = append(w.names, o.Projects[i].Name)
	}
	return w
}

// Kill makes Run end its runs at once and return. It may be called at any time, more
// than once.
func (w *Worker) Kill() { w.kill() }

// Enter writes the worker's row, by which others see that it is ready.
func (w *Worker) Enter(ctx context.Context) error { return w.save(ctx, store.WorkerReady) }

// Run claims and runs jobs until ctx ends or somebody asks the store to drain this
// worker; then it claims no more, waits for its runs up to Options.Drain, ends what is left and gives it back to the queue. It returns
// when no run is left and everything is reported, or Kill was called; or when HandOver
// has told what is left.
func (w *Worker) Run(ctx context.Context) error {
	// What is under way must be able to end after ctx: it has a context of its own.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	w.stopWork = cancel
	w.resumeAll(work)
	cancels := make(chan struct{})
	go func() { defer close(cancels); w.watchCancels(work) }()

	claiming, stopWatch := w.untilDrained(ctx)
	unhook := context.AfterFunc(w.hand.begun, stopWatch)
	w.claimLoop(claiming, work)
	unhook()
	stopWatch()
	handed := w.hand.begun.Err() != nil || w.drain(work)
	close(w.hand.quiet)
	if handed {
		<-w.hand.taken
	}
	cancel()
	<-cancels
	if handed {
		return nil
	}
	last, done := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer done()
	if err := w.save(last, store.WorkerStopped); err != nil {
		w.o.Log.Warn("the worker's end could not be recorded", "error", err)
	}
	return nil
}

func (w *Worker) claimLoop(ctx, work context.Context) {
	queue, unsubscribe := w.o.Store.Subscribe(store.TopicQueue)
	defer unsubscribe()
	failing := false
	var due duties
	defer w.claiming.rest()
	for ctx.Err() == nil {
		w.claiming.beat()
		err := w.tick(ctx, work, &due)
		if err != nil && !failing && ctx.Err() == nil {
			w.o.Log.Error("no job can be claimed; trying again each second", "error", err)
		}
		if err == nil && failing {
			w.o.Log.Info("jobs can be claimed again")
		}
		failing = err != nil
		w.wait(ctx, queue, failing)
	}
}

// duties are what the claiming goroutine does now and then.
type duties struct {
	expired, seen time.Time
	stepped       time.Duration // of the wall clock, and not yet in the store
}

// tick claims as many jobs as slots are free.
func (w *Worker) tick(ctx, work context.Context, last *duties) error {
	if err := w.followClock(ctx, last); err != nil {
		return err
	}
	if time.Since(last.expired) >= w.poll {
		last.expired = time.Now()
		if err := w.o.Store.ExpireDue(ctx); err != nil {
			return err
		}
	}
	if time.Since(last.seen) >= 15*time.Second {
		last.seen = time.Now()
		if err := w.save(ctx, store.WorkerReady); err != nil {
			return err
		}
	}
	free := w.o.Self.Slots - w.running()
	if free <= 0 {
		return nil
	}
	present := w.present()
	if len(present) == 0 {
		return nil
	}
	// Not ctx: a claim that was made and not heard of would be stuck.
	jobs, err := w.o.Store.Claim(work, store.Claim{Worker: w.o.Self.ID, Limit: free, Projects: present, Limits: w.o.Limits, Labels: w.o.Self.Labels})
	if err != nil {
		return err
	}
	for i := range jobs {
		w.begin(work, jobs[i])
	}
	return nil
}

// followClock has jobs wait for their next try as long as they were to, whatever becomes
// of the wall clock meanwhile.
func (w *Worker) followClock(ctx context.Context, last *duties) error {
	by := w.steps.Look()
	if by != 0 {
		w.o.Log.Warn("the wall clock was stepped", "by", by.Round(time.Millisecond).String())
	}
	if last.stepped += by; last.stepped == 0 {
		return nil
	}
	if err := w.o.Store.ShiftTries(ctx, last.stepped); err != nil {
		return err
	}
	last.stepped = 0
	return nil
}

// wait returns when there may be something to claim.
func (w *Worker) wait(ctx context.Context, queue <-chan struct{}, failing bool) {
	d := w.poll
	if w.running() < w.o.Self.Slots {
		if next, err := w.o.Store.NextReady(ctx); err == nil && next != nil {
			d = min(d, max(time.Until(*next), time.Millisecond))
		}
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	if failing { // a wake-up must not turn this into a storm
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		return
	}
	select {
	case <-ctx.Done():
	case <-queue:
	case <-w.freed:
	case <-timer.C:
	}
}

// drain ends with the last run, or with a handover.
func (w *Worker) drain(work context.Context) (handed bool) {
	idle := make(chan struct{})
	go func() { w.wg.Wait(); close(idle) }()
	if n := w.running(); n > 0 {
		w.o.Log.Info("draining: waiting for the runs under way", "runs", n, "at_most", w.o.Drain.String())
		if err := w.save(work, store.WorkerDraining); err != nil {
			w.o.Log.Warn("the drain could not be recorded", "error", err)
		}
	}
	timer := time.NewTimer(w.o.Drain)
	defer timer.Stop()
	select {
	case <-idle:
		return false
	case <-w.hand.begun.Done():
		return true
	case <-timer.C:
		w.o.Log.Info("drain_timeout is over: ending the runs that are left; their jobs go back to the queue", "runs", w.running())
	case <-w.killed.Done():
	}
	w.each(func(a *attempt) { a.end(endDrain) })
	giveUp := time.NewTimer(w.o.Grace.Int + w.o.Grace.Term + reportTime)
	defer giveUp.Stop()
	select {
	case <-idle:
		return false
	case <-w.hand.begun.Done():
		return true
	case <-giveUp.C: // the store takes no report: the run folders keep them for the next start
		w.Kill()
	}
	last := time.NewTimer(reportTime)
	defer last.Stop()
	select {
	case <-idle:
	case <-last.C:
		w.o.Log.Error("stopping although not every run has come to its end; the next start settles what is left")
	}
	return false
}

// reportTime is how long a worker that stops goes on trying to report.
const reportTime = 10 * time.Second

// watchCancels hands cancels to the runs, by wake-up and each second.
func (w *Worker) watchCancels(ctx context.Context) {
	wake, unsubscribe := w.o.Store.Subscribe(store.TopicCancel)
	defer unsubscribe()
	ticker := time.NewTicker(w.poll)
	defer ticker.Stop()
	defer w.cancelling.rest()
	for {
		w.cancelling.beat()
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-ticker.C:
			if w.running() == 0 {
				continue
			}
		}
		refs, err := w.o.Store.Cancelling(ctx, w.o.Self.ID)
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				w.o.Log.Warn("cancels can't be read; trying again in a second", "error", err)
			}
			continue
		}
		for _, ref := range refs {
			w.mu.Lock()
			a := w.active[ref.JobID]
			w.mu.Unlock()
			if a != nil && a.ref == ref {
				a.end(endCancel)
			}
		}
	}
}

func (w *Worker) begin(ctx context.Context, j job.Job) {
	a := newAttempt(w, j)
	w.launch(a, func() { a.run(ctx) })
}

// launch gives an attempt a slot and a goroutine.
func (w *Worker) launch(a *attempt, run func()) {
	w.mu.Lock()
	w.active[a.ref.JobID] = a
	w.mu.Unlock()
	w.wg.Add(1)
	go func() {
		defer w.wg.Done()
		defer w.release(a)
		run()
	}()
}

// release frees the attempt's slot; it may be called again. That happens as soon as
// the last process is gone and before the report, so that report and next claim
// share a transaction.
func (w *Worker) release(a *attempt) {
	w.mu.Lock()
	if w.active[a.ref.JobID] == a {
		delete(w.active, a.ref.JobID)
	}
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

func (w *Worker) save(ctx context.Context, state store.WorkerState) error {
	self := w.o.Self
	self.State, self.Projects = state, w.names
	return w.o.Store.SaveWorker(ctx, self)
}
