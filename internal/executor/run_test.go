package executor

import (
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestExitCodeAndOutput(t *testing.T) {
	e := newExecutor(t)
	r, out := startShell(t, e, "a", "echo one; echo two >&2; exit 7")
	x := waitExit(t, r)
	require.Equal(t, 7, x.Code)
	require.Zero(t, x.Signal)
	require.Equal(t, []string{"one", "two"}, lines(t, out, 2))
	require.False(t, x.Stopped)
	require.Empty(t, x.LeftBehind)
	require.Positive(t, x.MaxRSS)
	require.Positive(t, x.Elapsed)
	require.WithinDuration(t, r.StartedAt.Add(x.Elapsed), x.EndedAt, time.Second)
	require.NoError(t, r.Stop(t.Context(), Grace{}), "stopping what has ended is no error")
	require.False(t, r.Exit().Stopped)
}

func TestExitBySignal(t *testing.T) {
	e := newExecutor(t)
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGUSR1} {
		r, _ := startShell(t, e, "signal-"+strconv.Itoa(int(sig)), "kill -$1 $$", strconv.Itoa(int(sig)))
		x := waitExit(t, r)
		require.Equal(t, sig, x.Signal)
		require.Equal(t, -1, x.Code)
		require.Equal(t, 128+int(sig), x.ShellCode())
		require.False(t, x.OutOfMemory, "the machine had memory enough")
		require.False(t, x.Stopped)
	}
}

func TestStopGivesGrace(t *testing.T) {
	for _, c := range []struct {
		name, script string
		grace        Grace
		code         int
		signal       syscall.Signal
	}{
		{"ends at SIGINT", "trap 'echo int; exit 3' INT; echo ready; while :; do sleep 0.01; done", Grace{Int: patience, Term: patience}, 3, 0},
		{"ends at SIGTERM", "trap '' INT; trap 'exit 4' TERM; echo ready; while :; do sleep 0.01; done", Grace{Int: 50 * time.Millisecond, Term: patience}, 4, 0},
		{"no SIGINT wanted", "trap 'exit 3' INT; trap 'exit 4' TERM; echo ready; while :; do sleep 0.01; done", Grace{Term: patience}, 4, 0},
		{"ignores both", "trap '' INT TERM; echo ready; while :; do sleep 0.01; done", Grace{Int: 50 * time.Millisecond, Term: 50 * time.Millisecond}, -1, syscall.SIGKILL},
		{"no grace", "trap 'exit 3' INT; trap 'exit 4' TERM; echo ready; while :; do sleep 0.01; done", Grace{}, -1, syscall.SIGKILL},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newExecutor(t)
			r, out := startShell(t, e, "a", c.script)
			lines(t, out, 1)
			require.NoError(t, r.Stop(t.Context(), c.grace))
			x := r.Exit()
			require.Equal(t, c.code, x.Code)
			require.Equal(t, c.signal, x.Signal)
			require.True(t, x.Stopped)
			require.False(t, x.OutOfMemory)
		})
	}
}
