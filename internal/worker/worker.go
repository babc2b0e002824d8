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
	"github.com/kedrod/kedrod/internal/lease"
	"github.com/kedrod/kedrod/internal/rundir"
	"github.com/kedrod/kedrod/internal/store"
)

// Store is what a worker needs of the store.
type Store interface {
	Claim(ctx context.Context, c store.Claim) ([]job.Job, error)
	Advance(ctx context.Context, ref job.Ref, a store.Advance) error
	Report(ctx context.Context, ref job.Ref, o job.Outcome, last store.Advance) (job.Job, error)
	GiveBack(ctx context.Context, ref job.Ref) (job.Job, error)
	Renew(ctx context.Context, worker string, beat int64) (store.Standing, error)
	Abandon(ctx context.Context, ref job.Ref) (job.Job, error)
	Assert(ctx context.Context, ref job.Ref) error
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

// Options of New. Everything must be set, except where a zero value has a meaning.
type Options struct {
	Self     store.Worker // its id, host, version and slots; the rest is filled in. Beat: the last one it has sent, if it has run before
	Store    Store
	Starter  Starter
	Projects []*Project
	Runs     rundir.Root
	Grace    executor.Grace // from a cancel or timeout to SIGKILL
	Watcher  *joblog.Watcher
	Shipper  Shipper       // nil: logs are read on this machine only
	LogSize  int64         // how much of a run's log is kept, in bytes; 0: all of it
	Limits   store.Limits  // slots of projects and pipelines
	Drain    time.Duration // how long Run waits for its runs when it is to stop
	Wall     func() time.Time
	Boot     func() time.Duration // clock.SinceBoot: it does not step, and counts suspended time
	Log      *slog.Logger

	// Lease is how long this worker may be silent before others take its jobs, which is
	// where a reaper watches over the store; it kills its runs a little before. 0: nobody
	// does, and no run is ended for the time that has passed.
	Lease time.Duration
	// Tick is told, after each renewal, the time by Boot at which every run of this worker
	// must be dead unless a later one follows; it must not block. With a lease it is the
	// executor's, whose guard sees to it should this process stand still. nil: nobody is told.
	Tick func(deadline time.Duration)
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

	claiming, cancelling, keeping pulse // of the loops
	hand                          *handover
	stopWork                      context.CancelFunc // ends the context of what is under way; set by Run
	lease                         *keeper
	lost                          context.Context // ends when the store refuses to renew
	lose                          context.CancelFunc

	mu     sync.Mutex
	active map[string]*attempt  // by attempt.slot: those that take up a slot
	known  map[job.Ref]*attempt // those not yet reported as well
	wg     sync.WaitGroup
}

// New makes a worker; nothing is started.
func New(o Options) *Worker {
	w := &Worker{
		o: o, projects: map[string]*Project{}, gone: map[string]bool{}, poll: time.Second, freed: make(chan struct{}, 1), active: map[string]*attempt{},
		hand: newHandover(), steps: clock.NewSteps(o.Wall, o.Boot), known: map[job.Ref]*attempt{},
	}
	w.lease = newKeeper(w)
	w.lost, w.lose = context.WithCancel(context.Background())
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
// worker; then it claims no more, waits for its runs up to Options.Drain, ends what is
// left and gives it back to the queue. It returns when no run is left and everything is
// reported, or Kill was called; or when HandOver has told what is left.
//
// An error that is store.ErrLost says that the worker was silent for longer than its
// lease, so that others have its jobs. Its runs are dead then. It can't be run again: who
// goes on does so with a new id, and with that a new executor and a new worker.
func (w *Worker) Run(ctx context.Context) error {
	// What is under way must be able to end after ctx: it has a context of its own.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	w.stopWork = cancel
	w.resumeAll(work)
	claiming, stopClaims := context.WithCancel(ctx)
	defer stopClaims()
	var beside sync.WaitGroup
	beside.Go(func() { w.watchCancels(work) })
	var lost error
	beside.Go(func() {
		if lost = w.lease.run(work); lost != nil {
			w.lose()
			stopClaims()
		}
	})

	undrained, stopWatch := w.untilDrained(claiming)
	unhook := context.AfterFunc(w.hand.begun, stopWatch)
	w.claimLoop(undrained, work)
	unhook()
	stopWatch()
	handed := w.hand.begun.Err() != nil || w.drain(work)
	close(w.hand.quiet)
	if handed {
		<-w.hand.taken
	}
	cancel()
	beside.Wait()
	switch {
	case lost != nil:
		return lost
	case handed:
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
	expired time.Time
	stale   bool          // the last look for expired jobs failed
	stepped time.Duration // of the wall clock, and not yet in the store
}

// tick claims as many jobs as slots are free.
func (w *Worker) tick(ctx, work context.Context, last *duties) error {
	if err := w.followClock(ctx, last); err != nil {
		return err
	}
	if time.Since(last.expired) >= w.poll {
		last.expired = time.Now()
		err := w.o.Store.ExpireDue(ctx)
		if err != nil && !last.stale && ctx.Err() == nil { // jobs are claimed all the same
			w.o.Log.Warn("jobs whose expires_at has passed can't be ended; trying again each second", "error", err)
		}
		last.stale = err != nil
	}
	free := w.o.Self.Slots - w.running()
	if free <= 0 || !w.lease.mayClaim() {
		return nil
	}
	present := w.present()
	if len(present) == 0 {
		return nil
	}
	// Not ctx: a claim that was made and not heard of waits until renewals give it back.
	sent := w.o.Boot()
	bounded, cancel := context.WithTimeout(work, lease.Answer(w.o.Lease))
	defer cancel()
	jobs, err := w.o.Store.Claim(bounded, store.Claim{Worker: w.o.Self.ID, Limit: free, Projects: present, Limits: w.o.Limits, Labels: w.o.Self.Labels})
	if err != nil {
		return err
	}
	if len(jobs) > 0 && !w.begin(work, sent, jobs) {
		w.o.Log.Warn("the answer to a claim came too late: its jobs go back to the queue", "jobs", len(jobs))
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
	if n := w.running(); n > 0 && w.lost.Err() == nil {
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
	case <-w.lost.Done():
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
			w.tell(ref, func(a *attempt) { a.end(endCancel) })
		}
	}
}

func (w *Worker) save(ctx context.Context, state store.WorkerState) error {
	self := w.o.Self
	self.State, self.Projects, self.Lease = state, w.names, w.o.Lease
	return w.o.Store.SaveWorker(ctx, self)
}
