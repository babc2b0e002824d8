package executor

import (
	"log/slog"
	"sync"
	"syscall"
)

// door is the one way in which children are started, so that it is known which of our children are orphans to be reaped here. There is one for
// the process, whatever the number of executors, because the kernel's list of children is the process's.
type door struct {
	// forks is held for reading from a fork until the child stands in own, for writing while orphans are reaped.
	forks sync.RWMutex
	own   sync.Map // pid -> *child, from the fork until it is reaped

	mu     sync.Mutex
	users  int           // executors, and runs that are not cleared: one that is stuck may outlive its executor
	reaper *reaper       // while there are users
	runs   map[*Run]bool // started and not yet cleared
}

// theDoor is the only global: there is one list of children per process.
//
//nolint:gochecknoglobals // what it mirrors is the process's own, too
var theDoor = &door{runs: map[*Run]bool{}}

// child is a process that was started through the door and is not reaped.
type child struct {
	door *door
	pid  int
	wait waiter
}

// enterDoor counts an executor in; the first one makes the process a subreaper and starts the reaper.
func enterDoor(log *slog.Logger) (*door, error) {
	d := theDoor
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.users == 0 {
		r, err := startReaper(d, log)
		if err != nil {
			return nil, err
		}
		d.reaper = r
	}
	d.users++
	return d, nil
}

func (d *door) leave() {
	d.mu.Lock()
	d.users--
	var last *reaper
	if d.users == 0 {
		last, d.reaper = d.reaper, nil
	}
	d.mu.Unlock()
	if last != nil {
		last.stop()
	}
}

// start forks and executes. The error is the system call's.
func (d *door) start(path string, argv []string, attr *syscall.ProcAttr) (*child, error) {
	var w waiter
	w.ask(attr.Sys)
	d.forks.RLock()
	pid, err := syscall.ForkExec(path, argv, attr)
	c := &child{door: d, pid: pid}
	if err == nil {
		d.own.Store(pid, c)
	}
	d.forks.RUnlock()
	if err != nil {
		return nil, err
	}
	w.open(pid)
	c.wait = w
	return c, nil
}

// adopt takes a process that an earlier image of this one started for a child of the door. Do so before enterDoor.
func (d *door) adopt(pid int) *child {
	c := &child{door: d, pid: pid}
	c.wait.adopt(pid)
	d.own.Store(pid, c)
	return c
}

// awaitExit returns once the process has ended. It stays a zombie, so that its number is not given out.
func (c *child) awaitExit() { c.wait.await() }

// reap takes the zombie away; the number is free from here on.
func (c *child) reap() (syscall.WaitStatus, *syscall.Rusage) {
	var ws syscall.WaitStatus
	var ru syscall.Rusage
	for {
		_, err := syscall.Wait4(c.pid, &ws, 0, &ru)
		if err == syscall.EINTR {
			continue
		}
		if err != nil { // an adopted number that is no child's: how it ended is not known, and success must be known
			ws = syscall.WaitStatus(syscall.SIGKILL)
		}
		break
	}
	// A new child may have the number by now.
	c.door.own.CompareAndDelete(c.pid, c)
	c.wait.close()
	return ws, &ru
}

// alive counts a started run among those that an unmarked orphan may belong to.
func (d *door) alive(r *Run) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.runs[r] = true
	d.users++
}

// ended takes a run that is cleared out of them.
func (d *door) ended(r *Run) {
	d.mu.Lock()
	delete(d.runs, r)
	d.mu.Unlock()
	d.leave()
}
