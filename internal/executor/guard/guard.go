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
//
// The guard answers `ended`, `tick` and verbs that it does not know by `ok SEQ` for the newest line it has worked off, which answers all before it; the
// rest need no answer, for what is in the socket reaches the guard even if the worker is gone. An unknown verb has no effect, so that a worker
// upgraded in place can talk to the guard it inherited. When the socket ends, the guard kills every group that has started and not
// ended, and every process whose environment holds a marker of the worker, and what descends from them; it looks three times, then exits.
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
