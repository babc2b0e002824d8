package executor

import (
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Limits tells what is not upheld on this system, a sentence each.
func Limits() []string {
	return []string{
		"Without control groups (v2) that this process may divide, a process of a run that clears its environment, leaves its session and detaches is found only once no run that was alive at its start is left.",
		"A process in the kernel (state D) outlives SIGKILL; it is reported as stuck and its slot stays shut until it is gone.",
	}
}

// niceFor is the nice value of runs: this process's own and some more, since less may not be asked for.
func niceFor(more int) int {
	if more < 0 {
		return 0
	}
	raw, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		return more
	}
	return min(20-raw+more, 19) // the system call answers 20 - nice
}

// setPriority makes a run give way to us: its group's nice value and, if it is less, the oom_score_adj of its leader. Raising both needs no
// privilege. It may come too late for a process that has ended, so errors mean nothing.
func setPriority(pid, nice, oomScoreAdj int) {
	if nice > 0 {
		_ = unix.Setpriority(unix.PRIO_PGRP, pid, nice)
	}
	if oomScoreAdj <= 0 {
		return
	}
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/oom_score_adj", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	var buf [16]byte
	n, _ := unix.Read(fd, buf[:])
	if now, err := strconv.Atoi(strings.TrimSpace(string(buf[:max(n, 0)]))); err == nil && now < oomScoreAdj {
		_, _ = unix.Write(fd, []byte(strconv.Itoa(oomScoreAdj)))
	}
}

// closeInheritedOnExec marks every descriptor above 2 that this process was started with, so that none of them reaches a run.
func closeInheritedOnExec() error {
	if unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC) == nil {
		return nil
	}
	names, err := os.ReadDir("/proc/self/fd") // a kernel before 5.11
	if err != nil {
		return err
	}
	for _, name := range names {
		if fd, err := strconv.Atoi(name.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}
