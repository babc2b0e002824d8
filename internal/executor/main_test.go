package executor

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kedrod/kedrod/internal/executor/guard"
)

// childArg makes the test binary one of the programs in children_test.go. (The guard needs nothing: its package sees its own argument.)
const childArg = "__child"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == childArg {
		os.Exit(childMain(os.Args[2], os.Args[3:]))
	}
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("os/signal.signal_recv"), goleak.IgnoreAnyFunction("os/signal.loop"))
}

// testGuard is this test binary as the guard, without the second that the race detector has a process wait at its end.
func testGuard(t testing.TB) []string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	return []string{"/usr/bin/env", "GORACE=atexit_sleep_ms=0", self, guard.Arg}
}

// patience bounds every wait; it is only used up by a failure.
const patience = 20 * time.Second

func newExecutor(t testing.TB, change ...func(*Options)) *Executor {
	t.Helper()
	opts := Options{Guard: testGuard(t), WorkerID: fmt.Sprintf("w%d-%s", os.Getpid(), strings.ReplaceAll(t.Name(), "/", "-"))}
	if testing.Verbose() {
		opts.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	for _, f := range change {
		f(&opts)
	}
	e, err := New(t.Context(), opts)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, e.Close(ctx))
	})
	return e
}

var plainEnv = []string{"PATH=" + os.Getenv("PATH")}

// start runs a shell script whose output goes to the file returned.
func startShell(t testing.TB, e *Executor, id, script string, args ...string) (*Run, string) {
	t.Helper()
	return startArgv(t, e, id, append([]string{"sh", "-c", script, "sh"}, args...)...)
}

func startArgv(t testing.TB, e *Executor, id string, argv ...string) (*Run, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out")
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(t, err)
	defer out.Close()
	r, err := e.Start(t.Context(), Spec{RunID: id, Argv: argv, Dir: t.TempDir(), Env: plainEnv, Output: out})
	require.NoError(t, err)
	return r, path
}

// lines waits until the file holds n whole lines and returns them.
func lines(t testing.TB, path string, n int) []string {
	t.Helper()
	var got []string
	require.Eventually(t, func() bool {
		b, _ := os.ReadFile(path)
		got = strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
		return strings.Count(string(b), "\n") >= n
	}, patience, 2*time.Millisecond, "%d lines in %s", n, path)
	return got
}

func waitExit(t testing.TB, r *Run) Exit {
	t.Helper()
	select {
	case <-r.Done():
		return r.Exit()
	case <-time.After(patience):
		t.Fatalf("run %s did not end", r.id)
		return Exit{}
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
