package executor

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/executor/guard"
)

// tickSpan is the deadline of a worker that is about to be stopped, long enough that all this happens before.
const tickSpan = 2500 * time.Millisecond

// lockVariable names the lock file of a worker, if it is to have one.
const lockVariable = "TEST_LOCK_FILE"

// childMain is what the test binary does as a child program.
func childMain(what string, args []string) int {
	switch what {
	case "worker":
		return workerChild(args)
	case "first":
		return firstChild()
	case "handover":
		return handoverChild(args[0])
	}
	fmt.Println("unknown child program", what)
	return 2
}

// workerChild is a whole worker: it starts runs of a script, N at a time and on and on if asked to, and says what it has started. It never ends.
// Arguments: the worker's id, what to do (once; storm; replace: have the guard killed after the start and replaced; tick: let the runs live for
// tickSpan), the script.
func workerChild(args []string) int {
	id, mode, script := args[0], args[1], args[2]
	self, err := os.Executable()
	if err != nil {
		return 2
	}
	ctx := context.Background()
	e, err := New(ctx, Options{WorkerID: id, Guard: []string{self, guard.Arg}, LockFile: os.Getenv(lockVariable)})
	if err != nil {
		fmt.Println(err)
		return 2
	}
	out := os.NewFile(1, "stdout")
	begin := func(i int) *Run {
		r, err := e.Start(ctx, Spec{RunID: strconv.Itoa(i), Argv: []string{"sh", "-c", script}, Env: plainEnv, Output: out})
		if err != nil {
			fmt.Println(err)
			os.Exit(2)
		}
		return r
	}
	switch mode {
	case "storm":
		fmt.Println("started")
		for i := 0; ; i++ {
			begin(i)
		}
	case "replace":
		begin(0)
		old := guardPID(e)
		_ = syscall.Kill(old, syscall.SIGKILL)
		for {
			if pid := guardPID(e); pid != 0 && pid != old {
				break
			}
			<-time.After(time.Millisecond)
		}
		begin(1) // returns once the new guard has answered
		fmt.Println("started", guardPID(e))
	case "tick":
		deadline := guard.Now() + tickSpan
		e.Tick(deadline)
		begin(0)
		fmt.Println("started", int64(deadline))
	default:
		begin(0)
		fmt.Println("started", guardPID(e))
	}
	select {}
}

func pidLines(t testing.TB, path string, n int) []int {
	t.Helper()
	var pids []int
	for _, l := range lines(t, path, n) {
		pid, err := strconv.Atoi(strings.TrimSpace(l))
		require.NoError(t, err)
		pids = append(pids, pid)
	}
	return pids
}
