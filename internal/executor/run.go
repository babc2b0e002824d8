package executor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/kedrod/kedrod/internal/executor/guard"
	"github.com/kedrod/kedrod/internal/executor/proc"
)

// Spec says what to start.
type Spec struct {
	RunID  string   // unique among the runs of this worker; 1 to 200 bytes without blanks
	Argv   []string // Argv[0] without a slash is looked up in Env's PATH
	Dir    string   // working directory
	Env    []string // the whole environment, KEY=VALUE; the marker is added
	Limits RunLimits
	// Output takes standard output and standard error, which share one description, so that their order stays; open it for appending. Nil: both are
	// thrown away. It stays the caller's to close, at once after Start if it likes.
	Output *os.File
}

// Run is a started process with all its descendants.
type Run struct {
	// StartedAt is when the process was started, by the wall clock.
	StartedAt time.Time

	id     string
	exec   *Executor
	child  *child
	start  uint64 // clock ticks since boot; 0 where not known
	began  boottime
	cgroup *runGroup
	ooms   uint64 // the out-of-memory counter at the start
	done   chan struct{}
	stuck  chan struct{} // closed when something has outlived SIGKILL for too long
	arm    sync.Once     // of stuckTimer
	exit   Exit
	marker proc.Marker

	mu         sync.Mutex // over what follows, and over signals to the group: none after the leader was reaped
	reaped     bool
	stopped    bool                        // some Stop began
	sent       map[syscall.Signal]boottime // by Stop, to the group, when
	before     map[syscall.Signal]boottime // those of a Stop that a handover broke off: the next goes on from there
	killedAt   boottime                    // the first SIGKILL; with stuckTimer
	killed     bool                        // SIGKILL was sent by us while the leader lived
	known      map[int]uint64
	stuckPIDs  []int
	stuckTimer *time.Timer
}

// streams are a child's standard files.
type streams struct{ in, out, err *os.File }

// Start starts a process in a session of its own (so that no terminal's signals or stops reach it, and job control inside it stays findable),
// with standard input from /dev/null. ctx bounds the wait for a guard only, it does not end the run. Errors that are the command's fault are
// *StartError.
//
// Nice value and oom_score_adj are set right after the start, from outside; a process forked by the run in its first microseconds may have
// escaped them.
func (e *Executor) Start(ctx context.Context, spec Spec) (*Run, error) {
	out := spec.Output
	if out == nil {
		out = e.null
	}
	return e.begin(ctx, spec, streams{e.null, out, out})
}

func (e *Executor) begin(ctx context.Context, spec Spec, files streams) (*Run, error) {
	if err := checkID("run id", spec.RunID); err != nil {
		return nil, err
	}
	if len(spec.Argv) == 0 {
		return nil, errors.New("no command to start")
	}
	value := e.opts.WorkerID + "/" + spec.RunID
	env := withMarker(spec.Env, value)
	path, err := lookPath(spec.Argv[0], env)
	if err != nil {
		return nil, err
	}
	r := &Run{
		id: spec.RunID, exec: e,
		done: make(chan struct{}), stuck: make(chan struct{}), known: map[int]uint64{}, sent: map[syscall.Signal]boottime{},
		marker: proc.Marker{Entry: guard.MarkerKey + "=" + value},
	}
	if err := e.enter(); err != nil {
		return nil, err
	}
	defer e.starts.Done()
	if err := e.guard.announce(ctx, r.id); err != nil {
		return nil, fmt.Errorf("no guard, so no run is started: %w", err)
	}
	r.ooms = e.oom.read()
	r.began, r.StartedAt = readBoottime(), time.Now()
	r.child, r.cgroup, err = e.launch(r.id, order{path: path, argv: spec.Argv, limits: spec.Limits, attr: syscall.ProcAttr{
		Dir: spec.Dir, Env: env,
		Files: []uintptr{files.in.Fd(), files.out.Fd(), files.err.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	}})
	if err != nil {
		e.guard.forget(r.id)
		return nil, startError(path, spec.Dir, err)
	}
	if p, err := proc.Stat(r.child.pid); err == nil {
		r.start = p.Start
	}
	e.add(r)
	e.door.alive(r)
	e.guard.started(r.id, r.child.pid, r.start)
	setPriority(r.child.pid, e.nice, e.opts.OOMScoreAdj)
	go r.watch()
	return r, nil
}

// PID is the leader's process id, which is also its group's and its session's.
func (r *Run) PID() int { return r.child.pid }

// StartTicks is when the leader started, in clock ticks since boot as in /proc/PID/stat: with the pid, it names the process until the next
// boot. 0 where the system does not tell.
func (r *Run) StartTicks() uint64 { return r.start }

// Elapsed is how long ago the run began, by a clock that does not step.
func (r *Run) Elapsed() time.Duration { return readBoottime().since(r.began) }

// Done is closed when the last process of the run is gone.
func (r *Run) Done() <-chan struct{} { return r.done }

// Exit tells how the run ended. It waits for Done.
func (r *Run) Exit() Exit {
	<-r.done
	return r.exit
}

// watch sees the run to its end: leader dead, descendants gone, guard told, leader reaped.
func (r *Run) watch() {
	r.child.awaitExit()
	ended, elapsed := time.Now(), readBoottime().since(r.began)
	r.mu.Lock()
	stopped, killed := r.stopped, r.killed
	r.mu.Unlock()
	left := r.clear()
	r.exec.ends.RLock()
	defer r.exec.ends.RUnlock()
	r.exec.door.ended(r)
	r.exec.guard.ended(r.id, r.child.pid)

	r.mu.Lock()
	status, usage := r.child.reap()
	r.reaped = true
	if r.stuckTimer != nil {
		r.stuckTimer.Stop()
	}
	r.mu.Unlock()

	r.exit = exitOf(status, usage)
	r.exit.EndedAt, r.exit.Elapsed = ended, elapsed
	r.exit.Stopped = stopped
	if !stopped {
		r.exit.LeftBehind = left
	}
	byKill := r.exit.Signal == syscall.SIGKILL && !killed || r.exit.Code == 128+int(syscall.SIGKILL)
	r.exit.OutOfMemory = r.outOfMemory(byKill, killed)
	r.cgroup.remove()
	r.exec.drop(r)
	close(r.done)
}

// withMarker puts the marker into an environment, in place of any that is there: a reader may take the first of two.
func withMarker(env []string, value string) []string {
	own := guard.MarkerKey + "="
	out := slices.DeleteFunc(slices.Clone(env), func(kv string) bool { return strings.HasPrefix(kv, own) })
	return append(out, own+value)
}
