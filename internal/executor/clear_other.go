//go:build !linux

package executor

import (
	"syscall"
	"time"
)

// clear kills what is left of the leader's group. What left the group can't be found here.
func (r *Run) clear() []int {
	pause := time.Millisecond
	for {
		// A group of zombies, such as the leader which is not reaped yet, answers EPERM here.
		if err := r.exec.signal(-r.child.pid, syscall.SIGKILL); err != nil {
			return nil
		}
		r.armStuck()
		<-time.After(pause)
		pause = min(2*pause, 250*time.Millisecond)
	}
}

// living is the leader, if anything of its group is alive.
func (r *Run) living() []int {
	if syscall.Kill(-r.child.pid, 0) != nil {
		return nil
	}
	return []int{r.child.pid}
}
