package executor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/kedrod/kedrod/internal/executor/guard"
	"github.com/kedrod/kedrod/internal/executor/proc"
)

// ErrHandover is what Start returns while the executor is frozen, and what a Stop that was under way returns without having ended the run.
var ErrHandover = errors.New("the executor is being handed over to another binary")

// Handover is what another image of this process needs to go on with an executor (Options.Adopt): the process ids stay its children over exec.
// Times are since boot.
type Handover struct {
	Guard   HandedGuard `json:"guard"`
	Runs    []HandedRun `json:"runs"`
	Helpers uint64      `json:"helpers"`
	Lock    int         `json:"lock,omitempty"` // of the worker's lock, which must stay open over exec; 0: there is none
}

// Descriptors are those that must stay open over exec.
func (h *Handover) Descriptors() []int {
	if h.Lock == 0 {
		return []int{h.Guard.Socket}
	}
	return []int{h.Guard.Socket, h.Lock}
}

// lock is the worker's lock, which the open file is.
func (h *Handover) lock() *os.File {
	if h.Lock == 0 {
		return nil
	}
	return os.NewFile(uintptr(h.Lock), "worker's lock")
}

// HandedGuard is the guard, which goes on; Socket, our end of its socket, must stay open over exec.
type HandedGuard struct {
	PID    int    `json:"pid"`
	Socket int    `json:"socket"`
	Seq    uint64 `json:"seq"`
}

// HandedRun is a run that has not ended, or whose leader is not reaped.
type HandedRun struct {
	ID        string         `json:"id"`
	PID       int            `json:"pid"`
	Start     uint64         `json:"start"` // clock ticks
	Began     time.Duration  `json:"began"`
	StartedAt time.Time      `json:"started_at"`
	OOMs      uint64         `json:"ooms"`
	Stopped   bool           `json:"stopped,omitempty"`
	Killed    bool           `json:"killed,omitempty"`
	Cgroup    string         `json:"cgroup,omitempty"`
	KilledAt  time.Duration  `json:"killed_at,omitempty"` // the first SIGKILL; 0: none
	Known     map[int]uint64 `json:"known,omitempty"`
	Stuck     []int          `json:"stuck,omitempty"`
	// Sent tells which signals of a Stop under way were sent, and when.
	Sent map[syscall.Signal]time.Duration `json:"sent,omitempty"`
}

// Freeze holds everything as it is: no run starts, none is reaped, no Stop goes on, the guard has answered all. Then it tells what there is. Runs
// themselves notice nothing. An error, that no guard answers before ctx ends, means that the executor must not be handed over. Thaw, error or not,
// goes on in this image.
func (e *Executor) Freeze(ctx context.Context) (Handover, error) {
	e.mu.Lock()
	close(e.frozen)
	e.mu.Unlock()
	e.guard.hold()
	e.starts.Wait()
	e.ends.Lock()
	guarding, err := e.guard.freeze(ctx)
	h := Handover{Guard: guarding, Helpers: e.helpers.Load()}
	if e.lock != nil {
		h.Lock = int(e.lock.Fd())
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.handed = map[string]*Run{}
	for r := range e.live {
		h.Runs = append(h.Runs, r.hand())
		e.handed[r.id] = r
	}
	return h, err
}

// Thaw goes on after Freeze. A Stop that the freeze broke off may be called again, and goes on where it was.
func (e *Executor) Thaw() {
	e.mu.Lock()
	for r := range e.live {
		r.mu.Lock()
		r.before = maps.Clone(r.sent)
		r.mu.Unlock()
	}
	e.frozen = make(chan struct{})
	e.mu.Unlock()
	e.guard.thaw()
	e.ends.Unlock()
}

// Handed gives the runs that were handed over, by id: those of Options.Adopt or of the last Freeze. Some may have ended since.
func (e *Executor) Handed() map[string]*Run {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.handed)
}

// freezing is closed when the executor is frozen.
func (e *Executor) freezing() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.frozen
}

func (r *Run) hand() HandedRun {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := HandedRun{
		ID: r.id, PID: r.child.pid, Start: r.start, Began: r.began.sinceBoot(), StartedAt: r.StartedAt, OOMs: r.ooms,
		Stopped: r.stopped, Killed: r.killed, Known: maps.Clone(r.known), Stuck: slices.Clone(r.stuckPIDs),
		Sent: map[syscall.Signal]time.Duration{},
	}
	for sig, at := range r.sent {
		h.Sent[sig] = at.sinceBoot()
	}
	if r.cgroup != nil {
		h.Cgroup = r.cgroup.dir
	}
	if r.stuckTimer != nil {
		h.KilledAt = r.killedAt.sinceBoot()
	}
	return h
}

// adoptAll takes the processes that were handed over for children of the door: before the reaper begins, which takes others for orphans.
func (h *Handover) adoptAll(d *door) (guardian *child, runs []*child) {
	for i := range h.Runs {
		runs = append(runs, d.adopt(h.Runs[i].PID))
	}
	return d.adopt(h.Guard.PID), runs
}

// takeOver is New's part for what was handed over, before the guard's link is opened. Runs are watched only once it is: the guard must hear of
// each end before the leader's number is free.
func (e *Executor) takeOver(h *Handover, guarding *child, runs []*child) (err error) {
	if e.guard.inherited, err = adoptGuard(h.Guard, guarding); err != nil {
		return err
	}
	e.helpers.Store(h.Helpers)
	e.handed = map[string]*Run{}
	for i := range h.Runs {
		e.guard.runs[h.Runs[i].ID] = registration{h.Runs[i].PID, h.Runs[i].Start}
		e.adopt(h.Runs[i], runs[i])
	}
	return nil
}

// watchHanded sees the adopted runs to their ends.
func (e *Executor) watchHanded() {
	for _, r := range e.handed {
		go r.watch()
	}
}

// adopt goes on with a run that an earlier image of this process started.
func (e *Executor) adopt(h HandedRun, c *child) {
	r := &Run{
		StartedAt: h.StartedAt, id: h.ID, exec: e, child: c, start: h.Start, began: fromBoot(h.Began), ooms: h.OOMs,
		done: make(chan struct{}), stuck: make(chan struct{}), known: h.Known,
		marker:  proc.Marker{Entry: guard.MarkerKey + "=" + e.opts.WorkerID + "/" + h.ID},
		stopped: h.Stopped, killed: h.Killed, sent: map[syscall.Signal]boottime{}, before: map[syscall.Signal]boottime{},
	}
	if r.known == nil {
		r.known = map[int]uint64{}
	}
	if h.Cgroup != "" {
		r.cgroup = &runGroup{dir: h.Cgroup}
	}
	for sig, at := range h.Sent {
		r.sent[sig], r.before[sig] = fromBoot(at), fromBoot(at)
	}
	if h.KilledAt > 0 {
		r.armStuckAt(fromBoot(h.KilledAt))
	}
	if len(h.Stuck) > 0 {
		r.stuckPIDs = h.Stuck
		close(r.stuck)
	}
	e.add(r)
	e.handed[r.id] = r
	e.door.alive(r)
}

// check refuses what can't be this process's: the numbers of a handover are signalled.
func (h *Handover) check() error {
	for _, pid := range append([]int{h.Guard.PID}, pids(h.Runs)...) {
		if pid <= 1 {
			return fmt.Errorf("a handover names process %d", pid)
		}
	}
	for i := range h.Runs {
		if err := checkID("run id", h.Runs[i].ID); err != nil {
			return err
		}
	}
	return nil
}

func pids(runs []HandedRun) []int {
	out := make([]int, len(runs))
	for i := range runs {
		out[i] = runs[i].PID
	}
	return out
}
