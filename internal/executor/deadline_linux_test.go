package executor

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/executor/guard"
	"github.com/kedrod/kedrod/internal/executor/proc"
)

// TestAStoppedWorkersRunsDieAtTheDeadline: the worker can do nothing any more, and its socket stays open.
func TestAStoppedWorkersRunsDieAtTheDeadline(t *testing.T) {
	const escape = `trap '' TERM INT HUP; echo $$; (setsid sh -c 'echo $$; exec sleep 600' &)
		env -i /usr/bin/setsid /bin/sh -c 'echo $$; exec /bin/sleep 600' & wait; sleep 600`
	w := startVictim(t, "", "tick", escape, 3)
	cmd, id, pids, deadline := w.cmd, w.id, w.pids, time.Duration(w.said)
	require.NoError(t, cmd.Process.Signal(syscall.SIGSTOP))
	alive := aliveOf(pids)
	if guard.Now() < deadline { // so all of that was before
		require.Len(t, alive, len(pids))
	}
	requireGone(t, pids...)
	require.GreaterOrEqual(t, guard.Now(), deadline)
	require.Empty(t, withMarkerOf(t, id))
	p, err := proc.Stat(cmd.Process.Pid)
	require.NoError(t, err)
	require.Equal(t, byte('T'), p.State, "the worker itself is let be")
}

func TestTheDeadlineIsAMomentOfTheClock(t *testing.T) {
	e := newExecutor(t)
	deadline := guard.Now() + 400*time.Millisecond
	e.Tick(deadline)
	r, out := startShell(t, e, "a", "trap '' TERM; setsid sleep 600 & echo $!; wait")
	pids := pidLines(t, out, 1)
	repeat := time.NewTicker(20 * time.Millisecond)
	defer repeat.Stop()
	patient := time.After(patience)
	for !r.isDone() { // messages that come later don't make it later
		select {
		case <-repeat.C:
			e.Tick(deadline)
			e.Tick(deadline - 350*time.Millisecond)
		case <-r.Done():
		case <-patient:
			t.Fatal("the run outlives its deadline")
		}
	}
	late := guard.Now() - deadline
	require.Positive(t, late, "not before its time")
	t.Logf("all gone %v after the deadline", late)
	require.Equal(t, syscall.SIGKILL, r.Exit().Signal)
	require.Empty(t, aliveOf(pids))

	_, err := e.Start(t.Context(), Spec{RunID: "b", Argv: []string{"true"}, Env: plainEnv})
	require.ErrorIs(t, err, ErrOverdue)
	e.Tick(guard.Now() + time.Hour)
	r, _ = startShell(t, e, "c", "exit 3")
	require.Equal(t, 3, waitExit(t, r).Code, "a new deadline lets runs live again")
}

// TestANewGuardKnowsTheDeadline: it is told with the runs.
func TestANewGuardKnowsTheDeadline(t *testing.T) {
	e := newExecutor(t)
	r, _ := startShell(t, e, "a", "exec sleep 600")
	deadline := guard.Now() + time.Second
	e.Tick(deadline)
	old := guardPID(e)
	require.NoError(t, syscall.Kill(old, syscall.SIGKILL))
	require.Equal(t, syscall.SIGKILL, waitExit(t, r).Signal)
	require.Greater(t, guard.Now(), deadline)
	require.NotEqual(t, old, guardPID(e))
}

// TestARunForkedTooLateDies: it was announced in time and started while the guard was at work.
func TestARunForkedTooLateDies(t *testing.T) {
	e := newExecutor(t)
	e.Tick(guard.Now() + 50*time.Millisecond)
	require.Eventually(t, func() bool {
		_, err := e.Start(t.Context(), Spec{RunID: "probe", Argv: []string{"true"}, Env: plainEnv})
		return err != nil
	}, patience, 5*time.Millisecond)
	e.guard.mu.Lock()
	deadline := e.guard.deadline
	e.guard.deadline = 0 // as if it had been let through just before
	e.guard.mu.Unlock()
	r, _ := startShell(t, e, "late", "exec sleep 600")
	require.Equal(t, syscall.SIGKILL, waitExit(t, r).Signal)
	e.Tick(deadline)
}
