// Package guard is the loop of the guard process: a child of the worker that kills the worker's runs when the worker is gone.
//
// The guard is our own binary again, started with Arg as its first argument. Its loop runs inside this package's init function and never
// returns: the packages that sort behind it and need more (database drivers, HTTP) are not set up, which halves its memory. For that, this
// package must need nothing beyond os, syscall, golang.org/x/sys/unix and proc. Whoever links this package gets the guard.
//
// # Protocol
//
// The worker's end of a stream socket pair is the guard's descriptor Socket. The worker sends lines, `SEQ VERB [ARGUMENT]...`, SEQ growing by one:
//
//	1 run RUN                 a run of this id is about to be forked: its marker may show up from now on
//	2 started GROUP START RUN the run's leader is GROUP, started at START clock ticks after boot (0: not known)
//	3 ended GROUP RUN         the run and its last process are gone; GROUP may be given to a stranger after the answer
//	4 forget RUN              the announced run was not started
//	5 tick                    are you there?
//	6 tick DEADLINE           the same, and the runs may live until DEADLINE, in nanoseconds of the clock that Now reads
//	7 cgroup FOLDER           the control group that all runs are in; it is not there before the first
//
// The guard answers `ended`, `tick` and verbs that it does not know by `ok SEQ` for the newest line it has worked off, which answers all before it; the
// rest need no answer, for what is in the socket reaches the guard even if the worker is gone. An unknown verb has no effect, so that a worker
// upgraded in place can talk to the guard it inherited. When the socket ends, the guard kills every group that has started and not
// ended, all that is in the control group, and every process whose environment holds a marker of the worker, and what descends from them; it looks until it has found nothing three times, then exits.
//
// It does the same, but for the exit, while the latest deadline has passed: a worker that is stopped or cut off from the store must not keep its
// runs alive when others may take its jobs. The moment itself is compared with the clock, not the time since a tick, which may have been long on
// its way. A later deadline ends that state. A worker that never names a deadline (its store has no lease) is judged by the socket alone. The guard
// looks at the clock at least every 250 ms; that holds also for the time right after a suspend, in which timers stand still and the clock goes on.
//
// Descriptor 4, where there is one, is the worker's lock file, locked: the lock is free for others once worker and guard are both gone.
//
// Where there is no /proc (darwin) it kills the registered groups only: a process that left its group, and a run that was just being forked, escape.
package guard

import (
	"os"
	"syscall"
)

const (
	// Arg is the first argument that makes our binary the guard; the worker's id is the second.
	Arg = "__guard"
	// Socket is the descriptor of the guard's end of the socket pair.
	Socket = 3
	// MarkerKey names the environment variable by which processes of runs are known; its value is WORKER/RUN.
	MarkerKey = "KEDROD_MARKER"
)

// init is the guard's whole life, if this process is one.
func init() {
	if len(os.Args) == 3 && os.Args[1] == Arg {
		os.Exit(serve(os.Args[2]))
	}
}

// say writes one line to standard error, which is the worker's; nobody may be left to read it.
func say(text string) {
	_, _ = syscall.Write(2, []byte("kedrod guard: "+text+"\n"))
}
