package executor

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func shell(script string) []string { return []string{"sh", "-c", script} }

func TestOutput(t *testing.T) {
	e := newExecutor(t)
	res, err := e.Output(t.Context(), Command{Argv: shell("echo out; echo err >&2; pwd; exit 3"), Dir: "/", Env: plainEnv, Limit: patience})
	require.NoError(t, err)
	require.Equal(t, "out\n/\n", string(res.Stdout))
	require.Equal(t, "err\n", string(res.Stderr))
	require.Equal(t, 3, res.ExitCode)

	res, err = e.Output(t.Context(), Command{Argv: shell("kill -9 $$"), Env: plainEnv})
	require.NoError(t, err)
	require.Equal(t, 137, res.ExitCode)

	_, err = e.Output(t.Context(), Command{Argv: []string{"/no/such"}, Env: plainEnv})
	var start *StartError
	require.ErrorAs(t, err, &start)
}

func TestOutputOfAHelperThatLeavesADaemonWithThePipe(t *testing.T) {
	e := newExecutor(t)
	began := time.Now()
	res, err := e.Output(t.Context(), Command{Argv: shell("(setsid sleep 600 &); sleep 0.05; echo done"), Env: plainEnv})
	require.NoError(t, err)
	require.Equal(t, "done\n", string(res.Stdout))
	require.Less(t, time.Since(began), patience)
	requireOnlyGuard(t, e)
}

func TestOutputBounds(t *testing.T) {
	e := newExecutor(t)
	pidFile := filepath.Join(t.TempDir(), "pids")
	tree := "trap '' TERM INT; echo before; (setsid sh -c 'echo $$ >>" + pidFile + "; exec sleep 600' &); echo $$ >>" + pidFile + "; sleep 600"

	res, err := e.Output(t.Context(), Command{Argv: shell(tree), Env: plainEnv, Limit: 300 * time.Millisecond})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, "before\n", string(res.Stdout))
	require.Empty(t, aliveOf(pidLines(t, pidFile, 2)))

	require.NoError(t, os.Remove(pidFile))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for b, _ := os.ReadFile(pidFile); strings.Count(string(b), "\n") < 2; b, _ = os.ReadFile(pidFile) {
			<-time.After(time.Millisecond)
		}
		cancel()
	}()
	_, err = e.Output(ctx, Command{Argv: shell(tree), Env: plainEnv})
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, aliveOf(pidLines(t, pidFile, 2)))

	res, err = e.Output(t.Context(), Command{Argv: shell("while :; do echo 0123456789012345678901234567890123456789; done"), Env: plainEnv, Limit: time.Minute})
	require.ErrorIs(t, err, ErrOutputTooLong)
	require.Len(t, res.Stdout, maxOutput)

	res, err = e.Output(t.Context(), Command{Argv: shell("head -c 16777216 /dev/zero"), Env: plainEnv})
	require.NoError(t, err)
	require.Len(t, res.Stdout, maxOutput)
	requireOnlyGuard(t, e)
}
