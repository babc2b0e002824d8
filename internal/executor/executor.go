// Package executor starts, watches and ends the operating system's side of runs: process groups with all that descends from them.
//
// All children of the process are started through it. Four rules make an end complete:
//
//   - The process becomes a child subreaper, so that what a run leaves behind becomes our child and not init's.
//   - Every process of a run has a marker in its environment, KEDROD_MARKER=WORKER/RUN.
//   - Where control groups (v2) can be made, each run has one, which no process of it gets out of by itself.
//   - A run's leader is reaped last, so that its number, which is also its group's and session's, can't be given to a stranger before that.
//
// A guard process (package guard) kills the runs if this process dies. No run is started without one.
//
// A child that something else in the program starts (os/exec) is left alone as long as it stays in our session, which runs have left. What such a
// child leaves behind is adopted and reaped by nobody, so start children here. Limits tells what is missing on other systems than Linux.
package executor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kedrod/kedrod/internal/executor/guard"
	"github.com/kedrod/kedrod/internal/executor/proc"
)

// ErrClosed is what Start and Output return once Close was called.
var ErrClosed = errors.New("the executor is closed")

// ErrOverdue is what Start and Output return once the deadline of the last Tick has passed: the guard would end the run at once.
var ErrOverdue = errors.New("the time that was given for runs is over")

// Options configures an Executor. Only WorkerID must be set.
type Options struct {
	WorkerID string       // in every marker; no blank, slash, line break or NUL
	Guard    []string     // the command that is the guard, without the worker's id, which is appended; nil: this binary with guard.Arg
	Log      *slog.Logger // nil: nothing is logged
	// LockFile is locked by this process and its guard together, until both are gone; see LockFile and LeftLocks. "": no lock is kept. The file stays
	// when the lock is free: whoever settles what the worker left removes it.
	LockFile string
	// Limits tells that runs may have limits (Spec.Limits): control groups are made ready for them, for which this process may move into one of its
	// own below the one that it is in.
	Limits bool
	// Nice is added to this process's own nice value for runs; 0 means 5, a negative number none.
	Nice int
	// OOMScoreAdj is the least value of runs, so that the kernel takes them before us; 0 means 500, a negative number leaves them as they are.
	OOMScoreAdj int
	// StuckAfter is how long after SIGKILL a process may live before it counts as stuck; 0 means 60 s.
	StuckAfter time.Duration
	// Adopt is what an earlier image of this process, with the same WorkerID, handed over: its guard and its runs are ours. Nil: nothing.
	Adopt *Handover
}

// Executor starts runs and helper processes. It is safe for concurrent use.
//
// What outlives an exec of this process, and is to be handed to the new image for it to go on: the guard's socket and pid with the number of the last
// message (guard.guard), its registrations and deadline (guard.runs, guard.deadline), the lock's descriptor, the folder of the control groups, and
// of each run (live) id, pid, start, its times and its group. Descriptors are closed on exec until somebody says otherwise.
type Executor struct {
	opts    Options
	log     *slog.Logger
	null    *os.File // /dev/null
	lock    *os.File // nil: none is kept
	cgroups *cgroups // nil: runs get no groups of their own

	noGroups string // why cgroups is nil
	nice     int    // absolute
	oom      oomCounter
	door     *door
	guard    *guardLink
	signal   func(pid int, sig syscall.Signal) error        // to a group, if negative; syscall.Kill but in tests
	killOne  func(p proc.Process, sig syscall.Signal) error // proc.Kill but in tests
	helpers  atomic.Uint64                                  // numbers the helper processes
	ends     sync.RWMutex                                   // read-locked while a run is reaped

	mu     sync.Mutex
	closed bool
	frozen chan struct{}   // closed while a handover is under way
	handed map[string]*Run // by the last Freeze, or adopted
	starts sync.WaitGroup  // those under way; none begins after closed is set
	live   map[*Run]struct{}
}

// New makes the process a child subreaper, starts the reaper and the guard, and returns once the guard has answered. ctx bounds the start only;
// Close ends what New began. Every descriptor above 2 that the process was started with is closed in the runs.
func New(ctx context.Context, opts Options) (*Executor, error) {
	if err := checkID("worker id", opts.WorkerID); err != nil {
		return nil, err
	}
	if strings.Contains(opts.WorkerID, "/") {
		return nil, fmt.Errorf("worker id %q: holds a slash", opts.WorkerID)
	}
	if opts.Adopt != nil {
		if err := opts.Adopt.check(); err != nil {
			return nil, err
		}
	}
	if opts.Guard == nil {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("find our own binary, to run it as the guard: %w", err)
		}
		opts.Guard = []string{self, guard.Arg}
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Nice == 0 {
		opts.Nice = 5
	}
	if opts.OOMScoreAdj == 0 {
		opts.OOMScoreAdj = 500
	}
	if opts.StuckAfter == 0 {
		opts.StuckAfter = time.Minute
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	e := &Executor{
		opts: opts, log: opts.Log, null: null, nice: niceFor(opts.Nice), oom: openOOMCounter(),
		signal: syscall.Kill, killOne: proc.Kill, live: map[*Run]struct{}{}, frozen: make(chan struct{}),
	}
	if e.cgroups, err = openCgroups("", opts.WorkerID, opts.Log); err != nil {
		e.noGroups = err.Error()
	} else if opts.Limits {
		e.cgroups.control()
	}
	if err := closeInheritedOnExec(); err != nil {
		_ = null.Close()
		return nil, fmt.Errorf("keep inherited descriptors out of runs: %w", err)
	}
	var guarding *child
	var runs []*child
	if opts.Adopt != nil {
		guarding, runs = opts.Adopt.adoptAll(theDoor)
	}
	if e.door, err = enterDoor(e.log); err != nil {
		_ = null.Close()
		return nil, err
	}
	if err := e.engage(ctx, guarding, runs); err != nil {
		e.door.leave()
		_ = null.Close()
		return nil, err
	}
	return e, nil
}

// engage takes the lock, then starts the guard, which shares it.
func (e *Executor) engage(ctx context.Context, guarding *child, runs []*child) error {
	if e.opts.Adopt != nil {
		e.lock = e.opts.Adopt.lock()
	} else if e.opts.LockFile != "" {
		lock, err := takeLock(e.opts.LockFile, e.opts.WorkerID, e.cgroups.path())
		if err != nil {
			return fmt.Errorf("take the worker's lock: %w", err)
		}
		e.lock = lock
	}
	e.guard = newGuardLink(e.door, guardCommand{argv: e.opts.Guard, worker: e.opts.WorkerID, null: e.null, lock: e.lock, cgroup: e.cgroups.path()}, e.log)
	if e.opts.Adopt != nil {
		if err := e.takeOver(e.opts.Adopt, guarding, runs); err != nil {
			return err
		}
	}
	if err := e.guard.open(ctx); err != nil {
		e.guard.close(ctx)
		return errors.Join(fmt.Errorf("start the guard: %w", err), e.unlock())
	}
	e.watchHanded()
	return nil
}

func (e *Executor) unlock() error {
	if e.lock == nil {
		return nil
	}
	return e.lock.Close()
}

// Tick names the moment until which runs may live: time since boot as CLOCK_BOOTTIME counts it (CLOCK_MONOTONIC where that is not known). Once it has
// passed the guard kills all that is ours, whatever has become of this process; and so on until a later Tick. Of several deadlines the latest
// holds. Before the first Tick runs live as long as this process. It never waits, so that whoever has just renewed a lease may call it.
func (e *Executor) Tick(deadline time.Duration) { e.guard.tick(deadline) }

// Close kills all runs that still live, waits for their last process, then ends the guard and the reaper. It returns ctx's error if ctx ends
// first; the guard then kills what is left as its socket ends. A second call does nothing.
func (e *Executor) Close(ctx context.Context) error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	e.mu.Unlock()
	e.guard.refuse()
	e.starts.Wait()
	e.mu.Lock()
	runs := make([]*Run, 0, len(e.live))
	for r := range e.live {
		runs = append(runs, r)
	}
	e.mu.Unlock()

	var wg sync.WaitGroup
	errs := make([]error, len(runs))
	for i, r := range runs {
		wg.Go(func() { errs[i] = r.Stop(ctx, Grace{}) })
	}
	wg.Wait()
	e.guard.close(ctx)
	e.door.leave()
	e.cgroups.close()
	return errors.Join(append(errs, e.null.Close(), e.unlock())...)
}

// enter begins a start, which Close and Freeze wait for; starts.Done ends it.
func (e *Executor) enter() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	select {
	case <-e.frozen:
		return ErrHandover
	default:
	}
	if e.closed {
		return ErrClosed
	}
	e.starts.Add(1)
	return nil
}

// add counts a started run among those that Close ends.
func (e *Executor) add(r *Run) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.live[r] = struct{}{}
}

func (e *Executor) drop(r *Run) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.live, r)
}

// checkID refuses what would break the guard's protocol or a marker.
func checkID(what, id string) error {
	if id == "" || len(id) > 200 || strings.ContainsAny(id, " \t\r\n\x00") {
		return fmt.Errorf("%s %q: must be 1 to 200 bytes without blanks", what, id)
	}
	return nil
}
