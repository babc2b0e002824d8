package executor

import (
	"syscall"
	"time"
)

// Exit is how a run ended.
type Exit struct {
	Code     int            // the leader's exit status; -1 if a signal ended it
	Signal   syscall.Signal // what ended it; 0 if it exited by itself
	CoreDump bool
	// MaxRSS is the largest resident set in bytes, of the leader or of one descendant that it waited for. On Linux it is never less than what this
	// process itself had at the fork.
	MaxRSS               int64
	UserTime, SystemTime time.Duration // of the leader and the descendants that it waited for
	Elapsed              time.Duration // start to the leader's end, time in suspend included, wall clock steps not
	EndedAt              time.Time     // of the leader
	// OutOfMemory: the run failed, and its own control group counted a process killed for lack of memory. Where no group counts: SIGKILL ended the leader (or it passed on status 137), nobody here sent it, and the kernel counted a process killed for lack of
	// memory while the run lived, in our own control group if that can be read, else on the machine.
	OutOfMemory bool
	// Stopped tells that Stop was called before the run had ended by itself.
	Stopped bool
	// LeftBehind holds the pids of descendants that outlived the leader's own end and were killed. Empty after a Stop.
	LeftBehind []int
}

// ShellCode is the exit status as shells tell it: 128 + the signal's number if one ended the run.
func (x Exit) ShellCode() int {
	if x.Signal != 0 {
		return 128 + int(x.Signal)
	}
	return x.Code
}

func exitOf(ws syscall.WaitStatus, ru *syscall.Rusage) Exit {
	x := Exit{Code: -1}
	switch {
	case ws.Exited():
		x.Code = ws.ExitStatus()
	case ws.Signaled():
		x.Signal, x.CoreDump = ws.Signal(), ws.CoreDump()
	}
	x.MaxRSS = ru.Maxrss * maxrssUnit
	x.UserTime, x.SystemTime = time.Duration(ru.Utime.Nano()), time.Duration(ru.Stime.Nano())
	return x
}
