//go:build !linux

package executor

import (
	"golang.org/x/sys/unix"
)

// Limits tells what is not upheld on this system, a sentence each.
func Limits() []string {
	return []string{
		"A process that leaves its run's process group (setsid, a daemon) is neither found nor killed: that needs Linux.",
		"If the service is killed, the guard ends the process groups it was told of; a run that was just being started lives on: that needs Linux.",
		"Runs that the system ends for lack of memory are reported as killed, not as out of memory: that needs Linux.",
	}
}

// niceFor is the nice value of runs: this process's own and some more, since less may not be asked for.
func niceFor(more int) int {
	if more < 0 {
		return 0
	}
	own, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		own = 0
	}
	return min(own+more, 20)
}

// setPriority makes a run's group give way to us.
func setPriority(pid, nice, _ int) {
	if nice > 0 {
		_ = unix.Setpriority(unix.PRIO_PGRP, pid, nice)
	}
}

// closeInheritedOnExec marks the descriptors above 2 that this process was started with, as far as they are numbered by any usual parent.
func closeInheritedOnExec() error {
	for fd := 3; fd < 256; fd++ {
		unix.CloseOnExec(fd)
	}
	return nil
}
