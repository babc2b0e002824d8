package executor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"github.com/kedrod/kedrod/internal/executor/proc"
)

// Grace is how long a run gets to end by itself after each signal. The zero value is SIGKILL at once.
type Grace struct {
	Int  time.Duration // between SIGINT and SIGTERM; 0: no SIGINT
	Term time.Duration // between SIGTERM and SIGKILL; 0: no SIGTERM
}

// StuckError says that processes live on though SIGKILL was sent: they are in the kernel (state D), or another user's.
type StuckError struct {
	PIDs []int
}

func (e *StuckError) Error() string {
	return fmt.Sprintf("processes that SIGKILL does not end: %v", e.PIDs)
}

// Stop ends the run and waits until its last process is gone: SIGINT to its group, SIGTERM after grace.Int, SIGKILL after grace.Term more, then
// SIGKILL to all that is left anywhere. If ctx ends, the rest of the grace is skipped and Stop returns ctx's error without waiting further; the
// killing goes on and Done tells its end; after Freeze it returns ErrHandover, and the next call goes on from there. It returns a *StuckError if something lives on after Options.StuckAfter; Done stays open until that is
// gone too, and further calls signal again and return the error at once. Several calls may overlap; the least patient one wins. On a run that has ended it returns nil.
func (r *Run) Stop(ctx context.Context, grace Grace) error {
	if r.isDone() {
		return nil
	}
	frozen := r.exec.freezing()
	if over(frozen) {
		return ErrHandover
	}
	r.mu.Lock()
	r.stopped = true
	r.mu.Unlock()
	if grace != (Grace{}) {
		// While the parents live, the tree shows also those that shed group and marker.
		r.remember(r.find())
		for _, step := range []struct {
			sig  syscall.Signal
			wait time.Duration
		}{{syscall.SIGINT, grace.Int}, {syscall.SIGTERM, grace.Term}} {
			if step.wait <= 0 {
				continue
			}
			left, alive := r.send(step.sig, step.wait)
			if alive && r.waitDone(ctx, left, frozen) {
				return nil
			}
			if over(frozen) {
				return ErrHandover
			}
		}
	}
	r.kill()
	select {
	case <-frozen:
		return ErrHandover
	case <-r.done:
		return nil
	case <-r.stuck:
		return &StuckError{PIDs: r.StuckPIDs()}
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stuck is closed when a process of the run has outlived SIGKILL for Options.StuckAfter, whether after a Stop or after the leader's own end.
func (r *Run) Stuck() <-chan struct{} { return r.stuck }

// StuckPIDs are the processes that were alive when Stuck was closed.
func (r *Run) StuckPIDs() []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.stuckPIDs)
}

func (r *Run) isDone() bool { return over(r.done) }

func over(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// waitDone waits for the end of the run, ctx, the time or a freeze. True: the run has ended.
func (r *Run) waitDone(ctx context.Context, d time.Duration, frozen <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-r.done:
		return true
	case <-frozen:
	case <-ctx.Done():
	case <-t.C:
	}
	return false
}

// send signals the group and gives how long it has from now on. What a Stop before a handover has sent is not sent again, and its time goes on.
// False: nobody is left.
func (r *Run) send(sig syscall.Signal, wait time.Duration) (left time.Duration, alive bool) {
	now := readBoottime()
	r.mu.Lock()
	at, before := r.before[sig]
	delete(r.before, sig)
	if !before {
		r.sent[sig] = now
	}
	r.mu.Unlock()
	if before {
		return wait - now.since(at), true
	}
	return wait, r.signalGroup(sig)
}

// signalGroup signals the leader's group. False: the run is over, and the group's number may be a stranger's.
func (r *Run) signalGroup(sig syscall.Signal) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reaped {
		return false
	}
	// Darwin answers EPERM for a group of zombies only. Both errors mean that nobody is left to be signalled.
	if err := r.exec.signal(-r.child.pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) && !errors.Is(err, syscall.EPERM) {
		r.exec.log.Warn("a signal to a run's process group failed", "run", r.id, "signal", sig.String(), "error", err)
	}
	return true
}

// kill sends SIGKILL to the group and to everything else that belongs to the run at this moment. What is born meanwhile is clear's to find.
func (r *Run) kill() {
	r.armStuck()
	found := r.find()
	r.remember(found)
	r.mu.Lock()
	r.killed = true
	r.mu.Unlock()
	r.signalGroup(syscall.SIGKILL)
	r.cgroup.kill()
	r.killEach(found)
}

func (r *Run) killEach(found []proc.Process) {
	for _, p := range found {
		if p.PID == r.child.pid || !p.Alive() {
			continue
		}
		if err := r.exec.killOne(p, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			r.exec.log.Warn("a process of a run can't be killed", "run", r.id, "pid", p.PID, "error", err)
		}
	}
}

// find lists the run's processes: control and process group, session, marker, those known from earlier looks, and all that descends from them.
func (r *Run) find() []proc.Process {
	r.mu.Lock()
	known := make(map[int]uint64, len(r.known))
	for pid, start := range r.known {
		known[pid] = start
	}
	r.mu.Unlock()
	for _, pid := range r.cgroup.pids() {
		if p, err := proc.Stat(pid); err == nil {
			known[pid] = p.Start
		}
	}
	found, err := proc.Find(proc.Wanted{Groups: map[int]uint64{r.child.pid: r.start}, Marker: r.marker, Known: known})
	if err != nil {
		r.exec.log.Warn("the process table can't be read", "run", r.id, "error", err)
	}
	return found
}

func (r *Run) remember(found []proc.Process) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range found {
		r.known[p.PID] = p.Start
	}
}

// armStuck starts the time after which living processes count as stuck, at the first SIGKILL.
func (r *Run) armStuck() { r.armStuckAt(readBoottime()) }

// armStuckAt is armStuck for a SIGKILL of a moment ago.
func (r *Run) armStuckAt(killed boottime) {
	r.arm.Do(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.killedAt = killed
		r.stuckTimer = time.AfterFunc(r.exec.opts.StuckAfter-readBoottime().since(killed), func() {
			pids := r.living()
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.reaped || len(pids) == 0 || len(r.stuckPIDs) > 0 {
				return
			}
			r.stuckPIDs = pids
			close(r.stuck)
		})
	})
}
