package executor

import (
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/kedrod/kedrod/internal/executor/proc"
)

// clear ends what the dead leader left behind and returns the pids that it had to kill.
//
// Everything alive that descends from the leader hangs, now that the leader is dead, under a child of ours which we did not start. So if no such
// child is there, which one small file tells, nothing is left, and the process table need not be read.
func (r *Run) clear() []int {
	r.mu.Lock()
	stopped := r.stopped
	r.mu.Unlock()
	strays := r.exec.door.strays(r)
	if len(strays) == 0 && !stopped {
		return nil
	}
	var left []int
	pause := time.Millisecond
	for empty := 0; empty < 2; {
		r.remember(strays)
		alive := slices.DeleteFunc(append(r.find(), strays...), func(p proc.Process) bool { return !p.Alive() || p.PID == os.Getpid() })
		if len(alive) == 0 {
			empty++
			strays = r.exec.door.strays(r)
			continue
		}
		empty = 0
		r.armStuck()
		r.remember(alive)
		r.signalGroup(syscall.SIGKILL)
		r.cgroup.kill()
		r.killEach(alive)
		for _, p := range alive {
			if !slices.Contains(left, p.PID) {
				left = append(left, p.PID)
			}
		}
		<-time.After(pause)
		pause = min(2*pause, 250*time.Millisecond)
		strays = r.exec.door.strays(r)
	}
	return left
}

// living are the pids of the run's processes that are alive.
func (r *Run) living() []int {
	var pids []int
	for _, p := range r.find() {
		if p.Alive() {
			pids = append(pids, p.PID)
		}
	}
	return pids
}
