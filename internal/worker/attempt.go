package worker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kedrod/kedrod/internal/executor"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/joblog"
	"github.com/kedrod/kedrod/internal/kedro"
	"github.com/kedrod/kedrod/internal/regular"
	"github.com/kedrod/kedrod/internal/rundir"
)

// ending is why we end a run ourselves.
type ending string

const (
	endNone    ending = ""
	endCancel  ending = "cancel"
	endTimeout ending = "timeout"
	endDrain   ending = "drain"  // its job goes back to the queue
	endFenced  ending = "fenced" // the attempt no longer stands
	endLease   ending = "lease"  // others may take the job, or have taken it
)

// attempt is one run under way. Its goroutine is begin's.
type attempt struct {
	w   *Worker
	j   job.Job
	ref job.Ref
	dir rundir.Dir
	log *slog.Logger

	heard  time.Duration // when the claim's answer came, by Options.Boot
	before []*attempt    // of the same job, to be gone before this one starts
	gone   chan struct{} // closed when no process of the run is left, or one is stuck

	mu   sync.Mutex
	why  ending
	stop chan struct{} // closed when why is set
	hard chan struct{} // closed when there is no more time for a grace
}

func newAttempt(w *Worker, j job.Job) *attempt {
	return &attempt{
		w: w, j: j, ref: job.Ref{JobID: j.ID, Attempt: j.Attempt, Worker: w.o.Self.ID},
		dir:  w.o.Runs.Attempt(j.ID, j.Attempt),
		log:  w.o.Log.With("job", j.ID, "attempt", j.Attempt, "pipeline", j.Pipeline),
		stop: make(chan struct{}), hard: make(chan struct{}), gone: make(chan struct{}),
	}
}

// slot names the attempt among those that take up a slot.
func (a *attempt) slot() string { return a.ref.JobID + "." + strconv.Itoa(a.ref.Attempt) }

// end asks for the run's end; the first reason stands, except that a timeout or a
// cancel that is under way when the worker drains stays what it is.
func (a *attempt) end(why ending) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.why == endNone {
		a.why = why
		close(a.stop)
	}
}

// kill is end without any grace, also where the run is being ended with some already.
func (a *attempt) kill(why ending) {
	a.end(why)
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case <-a.hard:
	default:
		close(a.hard)
	}
}

func (a *attempt) ending() ending {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.why
}

// run sees the attempt through: start, watch, outcome on disk, report.
func (a *attempt) run(ctx context.Context) {
	begun := time.Now()
	for _, other := range a.before {
		other.kill(endFenced)
		<-other.gone
	}
	a.before = nil
	p := newPump(a)
	o, verdict := a.execute(ctx, p)
	close(a.gone)
	a.settle(ctx, o, verdict, p, begun)
}

// settle does what the verdict asks for.
func (a *attempt) settle(ctx context.Context, o job.Outcome, verdict verdict, p *pump, begun time.Time) {
	if verdict != handedOn && verdict != reported { // one that is reported gives up its slot first
		a.finishLog(ctx)
	}
	switch verdict {
	case handedOn:
		return
	case dropped:
		a.log.Warn("this attempt no longer stands: its run was ended and is not reported")
		return
	case giveBack:
		a.giveBack(ctx)
		return
	case abandoned:
		a.w.release(a)
		a.abandon(ctx)
		return
	case reported:
	}
	a.log.Info("run ended", "status", string(o.Status), "reason", string(o.Reason), "error", o.Message, "seconds", o.ExecutionTime)
	if err := a.dir.WriteOutcome(rundir.Record{Ref: a.ref, Outcome: o}); err != nil {
		a.log.Error("the outcome can't be written to the run's folder; it is reported all the same", "error", err)
	}
	a.w.release(a)
	a.finishLog(ctx)
	a.report(ctx, o, p.rest(), begun)
}

// verdict is what becomes of an attempt.
type verdict int

const (
	reported  verdict = iota // its outcome counts
	giveBack                 // it never ran, or a drain ended it: pending again
	dropped                  // it is somebody else's now
	abandoned                // it was ended because the lease was over: a recovery
	handedOn                 // the next worker of this id goes on with it
)

// execute runs the job's pipeline to its end.
func (a *attempt) execute(ctx context.Context, p *pump) (job.Outcome, verdict) {
	project := a.w.projects[a.j.Project]
	if a.j.CancelRequestedAt != nil || a.ending() == endCancel {
		return a.unstarted(job.Outcome{Status: job.Cancelled}), reported
	}
	registry, _ := project.Catalog.Snapshot()
	if err := a.dir.Make(); err != nil {
		return a.machine(err)
	}
	spec, err := project.prepare(&a.j, a.dir, &registry)
	if err != nil {
		if o, ok := refused(err); ok {
			return a.unstarted(o), reported
		}
		return a.machine(err)
	}
	logFile, err := joblog.Create(a.dir.Log())
	if err != nil {
		return a.machine(err)
	}
	defer logFile.Close()
	spec.Output = logFile
	a.beginLog()
	switch a.ending() {
	case endCancel:
		return a.unstarted(job.Outcome{Status: job.Cancelled}), reported
	case endDrain, endLease: // it never ran
		return job.Outcome{}, giveBack
	case endFenced:
		return job.Outcome{}, dropped
	case endNone, endTimeout:
	}
	run, err := a.w.o.Starter.Start(ctx, spec)
	if err != nil {
		return a.startFailed(err, project)
	}
	a.log.Info("run started", "pid", run.PID())
	p.started(run.StartedAt)
	expected, _ := registry.Writes(project.Path, &a.j)
	p.writes(expected)
	code := registry.Code
	if code.Hash == "" {
		code.Hash = registry.SourceHash
	}
	return a.attend(ctx, run, p, ground{python: project.Python, code: code}, newDeadline(a.j.Queue.Timeout))
}

// ground is what a run stands on, as it was when it began.
type ground struct {
	python string
	code   kedro.Code
}

// attend sees a run to its end, or to a handover.
func (a *attempt) attend(ctx context.Context, run *executor.Run, p *pump, g ground, limit deadline) (job.Outcome, verdict) {
	lift := a.boundLog()
	stuck, over := a.watch(ctx, run, p, limit)
	lift()
	if !over {
		a.handOn(HandedAttempt{Phase: phaseRunning, From: limit.from, Python: g.python, Code: g.code, Pump: p.hand()})
		return job.Outcome{}, handedOn
	}
	return a.conclude(run, stuck, p, g)
}

// watch returns when the run is over, or is stuck: then the pids that live on. Where it is
// not over, the worker is handed over, the executor is frozen, and so the run stays as it is.
func (a *attempt) watch(ctx context.Context, run *executor.Run, p *pump, limit deadline) (stuck []int, over bool) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	var beside sync.WaitGroup
	defer beside.Wait()
	pumping, endPump := context.WithCancel(ctx)
	quit := make(chan struct{})
	defer close(quit)
	unwatch := context.AfterFunc(a.w.killed, endPump) // a store that hangs holds no second signal up
	defer unwatch()
	beside.Go(func() { defer endPump(); p.loop(pumping, quit) })
	stop, hard := a.stop, a.hard
	for {
		select {
		case <-run.Done():
			return nil, true
		case <-run.Stuck():
			return run.StuckPIDs(), true
		case <-a.w.hand.frozen.Done():
			select {
			case <-run.Done():
				return nil, true
			case <-run.Stuck():
				return run.StuckPIDs(), true
			default:
				return nil, false
			}
		case <-stop:
			stop = nil
			grace := a.w.o.Grace
			if why := a.ending(); why == endFenced || why == endLease {
				grace = executor.Grace{}
			}
			a.log.Info("ending the run", "why", string(a.ending()))
			beside.Go(func() { a.stopRun(ctx, run, grace) })
		case <-hard:
			hard = nil
			beside.Go(func() { a.stopRun(ctx, run, executor.Grace{}) })
		case <-ticker.C:
			if limit.passed() {
				a.end(endTimeout)
			}
		}
	}
}

func (a *attempt) stopRun(ctx context.Context, run *executor.Run, grace executor.Grace) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // a second signal to the service takes the rest of the grace away
		select {
		case <-a.w.killed.Done():
			cancel()
		case <-ctx.Done():
		}
	}()
	var stuck *executor.StuckError
	if err := run.Stop(ctx, grace); err != nil && !errors.As(err, &stuck) && !errors.Is(err, executor.ErrHandover) && ctx.Err() == nil {
		a.log.Error("the run can't be ended", "error", err)
	}
}

// conclude says how the run ended, from its exit, its events and its log.
func (a *attempt) conclude(run *executor.Run, stuck []int, p *pump, g ground) (job.Outcome, verdict) {
	p.drainAll()
	why := a.ending()
	o := job.Outcome{Start: "cold", StartedAt: ptr(job.Truncate(run.StartedAt))}
	if stuck != nil {
		o.EndedAt, o.Status, o.Reason = job.Truncate(time.Now()), job.Failed, job.StuckProcess
		o.ExecutionTime = round(run.Elapsed().Seconds())
		o.Message = fmt.Sprintf("Processes of the run live on although SIGKILL was sent: pids %v. Look at them on %s; their slot stays shut until they are gone.",
			stuck, a.w.o.Self.Host)
		a.holdSlot(run)
	} else {
		exit := run.Exit()
		o.EndedAt, o.ExecutionTime = job.Truncate(exit.EndedAt), round(exit.Elapsed.Seconds())
		switch {
		case exit.Stopped && why == endFenced:
			return o, dropped
		case exit.Stopped && why == endLease:
			return o, abandoned
		case exit.Stopped && why == endDrain:
			return o, giveBack
		case exit.Stopped && why == endCancel:
			o.Status = job.Cancelled
		case exit.Stopped && why == endTimeout:
			o.Status, o.Reason = job.Failed, job.Timeout
			o.Message = fmt.Sprintf("The run was ended because it took longer than timeout_seconds (%s).", a.j.Queue.Timeout)
		default:
			a.judge(&o, exit, p, g)
		}
		if exit.Signal != 0 {
			o.Signal = signalName(exit.Signal)
		} else {
			o.ExitCode = ptr(exit.Code)
		}
		if n := len(exit.LeftBehind); n > 0 {
			o.Warnings = append(o.Warnings, fmt.Sprintf("The run left %d processes behind; they were killed.", n))
		}
	}
	p.finish(&o, g.code)
	return o, reported
}

// judge decides about a run that ended by itself.
func (a *attempt) judge(o *job.Outcome, exit executor.Exit, p *pump, g ground) {
	x := kedro.Exit{Code: exit.Code, OutOfMemory: exit.OutOfMemory}
	if exit.Signal != 0 {
		x.Signal = signalName(exit.Signal)
	}
	found := kedro.Outcome{}
	if exit.Code != 0 {
		found = kedro.Classify(x, &p.state, a.logTail(), g.python)
	}
	if found.Reason == "" {
		o.Status = job.Completed
		if p.state.Hooked && p.state.Started && !p.state.Ended {
			o.Warnings = append(o.Warnings, "The process exited with 0 before Kedro said that the pipeline had completed: some node ends the process itself.")
		}
		return
	}
	o.Status, o.Reason, o.Message = job.Failed, job.Reason(found.Reason), found.Message
}

// holdSlot keeps this attempt's place shut until the stuck processes are gone, by a
// goroutine that ends with them or with the worker.
func (a *attempt) holdSlot(run *executor.Run) {
	a.w.wg.Add(1)
	hold := "stuck:" + a.slot()
	a.w.mu.Lock()
	a.w.active[hold] = a
	a.w.mu.Unlock()
	go func() {
		defer a.w.wg.Done()
		select {
		case <-run.Done():
			a.log.Info("the stuck processes are gone; their slot is free again")
		case <-a.w.hand.frozen.Done():
			a.handOn(HandedAttempt{Phase: phaseStuck})
		case <-a.w.killed.Done():
		}
		a.w.mu.Lock()
		delete(a.w.active, hold)
		a.w.mu.Unlock()
		a.w.wake()
	}()
}

func (a *attempt) startFailed(err error, project *Project) (job.Outcome, verdict) {
	if errors.Is(err, executor.ErrHandover) {
		a.handOn(HandedAttempt{Phase: phaseClaimed})
		return job.Outcome{}, handedOn
	}
	var se *executor.StartError
	if !errors.As(err, &se) || se.Kind == executor.NoResources || folderGone(se) {
		return a.machine(err)
	}
	found := kedro.Classify(kedro.Exit{StartError: err}, nil, nil, project.Python)
	return a.unstarted(job.Outcome{Status: job.Failed, Reason: job.StartError, Message: found.Message}), reported
}

// machine is for faults of this machine (disk full, no more processes): the job goes
// back to the queue, after a pause so that it does not spin.
func (a *attempt) machine(err error) (job.Outcome, verdict) {
	a.log.Error("this machine can't start the run; its job goes back to the queue", "error", err)
	select {
	case <-time.After(time.Second):
	case <-a.stop:
	case <-a.w.hand.frozen.Done():
	}
	return job.Outcome{}, giveBack
}

// unstarted completes the outcome of an attempt that had no process.
func (a *attempt) unstarted(o job.Outcome) job.Outcome {
	o.EndedAt = job.Truncate(time.Now())
	return o
}

// logTail is the end of the log, for Classify.
func (a *attempt) logTail() []byte {
	f, err := regular.Open(a.dir.Log())
	if err != nil {
		return nil
	}
	defer f.Close()
	const tail = 128 << 10
	info, err := f.Stat()
	if err != nil {
		return nil
	}
	from := max(0, info.Size()-tail)
	b := make([]byte, info.Size()-from)
	n, _ := f.ReadAt(b, from) // what was read is enough
	return b[:n]
}

func signalName(s syscall.Signal) string {
	if name := unix.SignalName(s); name != "" {
		return name
	}
	return fmt.Sprintf("signal %d", int(s))
}

func ptr[T any](v T) *T { return &v }

func round(seconds float64) float64 { return float64(int64(seconds*1e6+0.5)) / 1e6 }
