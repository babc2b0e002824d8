package executor

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/executor/proc"
)

// requireGone polls until none of the processes is alive.
func requireGone(t testing.TB, pids ...int) {
	t.Helper()
	require.NotEmpty(t, pids)
	require.Eventually(t, func() bool { return len(aliveOf(pids)) == 0 }, patience, 2*time.Millisecond, "all of %v gone", pids)
}

func aliveOf(pids []int) (alive []int) {
	for _, pid := range pids {
		if p, err := proc.Stat(pid); err == nil && p.Alive() {
			alive = append(alive, pid)
		}
	}
	return alive
}

// requireOnlyGuard polls until our only child is the guard: no run, no orphan, no zombie.
func requireOnlyGuard(t testing.TB, e *Executor) {
	t.Helper()
	want := []int{guardPID(e)}
	require.Eventually(t, func() bool {
		got, err := proc.AllChildren()
		return err == nil && len(got) == 1 && got[0] == want[0]
	}, patience, 5*time.Millisecond, "children other than the guard %v", want)
}

func guardPID(e *Executor) int {
	e.guard.mu.Lock()
	defer e.guard.mu.Unlock()
	if e.guard.guard == nil {
		return 0
	}
	return e.guard.guard.child.pid
}

// Each script prints the pids of processes that must be gone when Stop returns, in as many lines as said.
var trees = []struct {
	name, script string
	pids         int
}{
	{"a tree that ignores signals", `trap '' TERM INT HUP
		sh -c 'trap "" TERM INT; echo $$; sh -c "trap \"\" TERM INT; echo \$\$; while :; do sleep 1; done" & wait' & while :; do sleep 1; done`, 2},
	{"a daemon forked twice", `(setsid sh -c 'trap "" TERM INT; echo $$; while :; do sleep 1; done' &) ; sleep 600`, 1},
	{"a child with an empty environment in a session of its own", `env -i /usr/bin/setsid /bin/sh -c 'trap "" TERM INT; echo $$; while :; do /bin/sleep 1; done' & sleep 600`, 1},
	{"a session of its own with a group in it", `setsid bash -c 'set -m; sleep 500 & echo $!; wait' & sleep 600`, 1},
}

func TestStopReachesEveryDescendant(t *testing.T) {
	for _, c := range trees {
		for _, grace := range []Grace{{}, {Int: 30 * time.Millisecond, Term: 30 * time.Millisecond}} {
			t.Run(fmt.Sprint(c.name, grace), func(t *testing.T) {
				e := newExecutor(t)
				r, out := startShell(t, e, "a", c.script)
				pids := pidLines(t, out, c.pids)
				require.NoError(t, r.Stop(t.Context(), grace))
				require.Empty(t, aliveOf(append(pids, r.PID())), "when Stop returns, they are gone")
				requireOnlyGuard(t, e)
			})
		}
	}
}

// TestStopRemembersTheTreeOfBefore: the parent ends at SIGINT, and its child, known by nothing else than having been below it, is still the run's,
// though it may as well be another's that is alive.
func TestStopRemembersTheTreeOfBefore(t *testing.T) {
	e := newExecutor(t)
	older, _ := startShell(t, e, "older", "sleep 600")
	r, out := startShell(t, e, "a", `env -i /usr/bin/setsid /bin/sh -c 'trap "" TERM INT; echo $$; while :; do /bin/sleep 1; done' & trap 'exit 3' INT; while :; do sleep 0.01; done`)
	pids := pidLines(t, out, 1)
	require.NoError(t, r.Stop(t.Context(), Grace{Int: patience}))
	require.Equal(t, 3, r.Exit().Code)
	require.Empty(t, aliveOf(pids))
	require.NoError(t, older.Stop(t.Context(), Grace{}))
}

// TestStopOutrunsForks: processes that fork on and on, each in a session of its own.
func TestStopOutrunsForks(t *testing.T) {
	e := newExecutor(t)
	r, out := startShell(t, e, "a", `cat >f <<'X'
trap '' TERM INT
[ -e on ] || { echo $$; >on; }
sleep 0.01
setsid sh ./f &
setsid sh ./f2 &
sleep 0.02
X
cat >f2 <<'X'
sleep 0.1
X
setsid sh ./f & wait; sleep 600`)
	lines(t, out, 1)
	require.NoError(t, r.Stop(t.Context(), Grace{}))
	found, err := proc.Find(proc.Wanted{Marker: r.marker})
	require.NoError(t, err)
	for _, p := range found {
		require.False(t, p.Alive(), "%+v", p)
	}
	requireOnlyGuard(t, e)
}

func TestWhatANormalEndLeavesBehindIsKilled(t *testing.T) {
	for _, c := range []struct {
		name, script string
		pids         int
	}{
		{"in the group", `sleep 600 & echo $!`, 1},
		{"a daemon", `setsid sleep 600 & echo $!; sleep 0.05`, 1},
		{"a daemon forked twice with a child", `(setsid sh -c 'sleep 600 & echo $!; echo $$; >ready; wait' &) ; while [ ! -e ready ]; do sleep 0.01; done`, 2},
		{"an empty environment", `env -i /bin/sleep 600 & echo $!; sleep 0.05`, 1},
		{"an empty environment and a session of its own", `(env -i /usr/bin/setsid /bin/sh -c 'echo $$; >ready; exec /bin/sleep 600' &); while [ ! -e ready ]; do sleep 0.01; done`, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newExecutor(t)
			r, out := startShell(t, e, "a", c.script+"; exit 5")
			x := waitExit(t, r)
			pids := pidLines(t, out, c.pids)
			require.Empty(t, aliveOf(pids), "when Done is closed, they are gone")
			require.Equal(t, 5, x.Code)
			for _, pid := range pids {
				require.Contains(t, x.LeftBehind, pid)
			}
			requireOnlyGuard(t, e)
		})
	}
}

// TestAnUnmarkedOrphanEndsWithTheLastRunItCanBelongTo: it can't be told whose it is, so it lives as long as one that it may belong to.
func TestAnUnmarkedOrphanEndsWithTheLastRunItCanBelongTo(t *testing.T) {
	e := newExecutor(t)
	e.cgroups = nil // with them it can
	older, _ := startShell(t, e, "older", "sleep 600")
	r, out := startShell(t, e, "its", `(env -i /usr/bin/setsid /bin/sh -c 'echo $$; exec /bin/sleep 600' &); while [ ! -e go ]; do sleep 0.01; done`)
	pid := pidLines(t, out, 1)
	born, err := proc.Stat(pid[0])
	require.NoError(t, err)
	require.Eventually(t, func() bool { // the kernel tells start times in ticks of 10 ms
		return time.Duration(readBoottime())/(10*time.Millisecond) > time.Duration(born.Start)+1
	}, patience, time.Millisecond)
	later, _ := startShell(t, e, "later", "sleep 600")
	require.NoError(t, os.WriteFile(fmt.Sprintf("/proc/%d/cwd/go", r.PID()), nil, 0o600))
	require.Empty(t, waitExit(t, r).LeftBehind)
	require.Len(t, aliveOf(pid), 1, "it may be the older run's")
	require.NoError(t, older.Stop(t.Context(), Grace{}))
	require.Empty(t, aliveOf(pid))
	require.Len(t, aliveOf([]int{later.PID()}), 1)
	require.NoError(t, later.Stop(t.Context(), Grace{}))
}

func TestRunsDoNotTouchEachOther(t *testing.T) {
	e := newExecutor(t)
	script := `(setsid sh -c 'echo $$; exec sleep 600' &); exec sleep 600`
	a, outA := startShell(t, e, "a", script)
	b, outB := startShell(t, e, "b", script)
	pidA, pidB := pidLines(t, outA, 1), pidLines(t, outB, 1)
	require.NoError(t, a.Stop(t.Context(), Grace{}))
	require.Empty(t, aliveOf(pidA))
	require.Len(t, aliveOf(append(pidB, b.PID())), 2)
	require.NoError(t, b.Stop(t.Context(), Grace{}))
	require.Empty(t, aliveOf(pidB))
}

// TestStrangersAreLetBe: processes of another session, of another worker's marker, of one that begins the same, and of another user where that can be
// tried, none of which the run has started.
func TestStrangersAreLetBe(t *testing.T) {
	e := newExecutor(t)
	var pids []int
	stranger := func(marker string, user *syscall.Credential) {
		cmd := exec.Command("sleep", "600")
		cmd.Env = []string{plainEnv[0], marker}
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: marker == "", Setpgid: marker != "", Credential: user}
		require.NoError(t, cmd.Start())
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		pids = append(pids, cmd.Process.Pid)
	}
	if e.cgroups != nil { // else a child of ours in a session of its own is what an unmarked orphan of a run would be
		stranger("", nil)
	}
	stranger("KEDROD_MARKER="+e.opts.WorkerID+"2/a", nil)
	stranger("KEDROD_MARKER="+e.opts.WorkerID+"/ab", nil)
	if os.Geteuid() == 0 {
		stranger("KEDROD_MARKER=x/a", &syscall.Credential{Uid: 65534, Gid: 65534})
	}
	r, _ := startShell(t, e, "a", "setsid sleep 600 & sleep 600")
	require.NoError(t, r.Stop(t.Context(), Grace{}))
	r, _ = startShell(t, e, "b", "setsid sleep 600 & exit 0")
	waitExit(t, r)
	require.Len(t, aliveOf(pids), len(pids))
}

func TestStopWhoseContextEnds(t *testing.T) {
	e := newExecutor(t)
	r, out := startShell(t, e, "a", "trap '' INT TERM; echo; while :; do sleep 0.1; done")
	lines(t, out, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := r.Stop(ctx, Grace{Int: time.Hour, Term: time.Hour})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, syscall.SIGKILL, waitExit(t, r).Signal, "the killing went on")
}

func TestASecondStopCutsTheGraceShort(t *testing.T) {
	e := newExecutor(t)
	r, out := startShell(t, e, "a", "trap 'echo int' INT; echo ready; while :; do sleep 0.1; done")
	lines(t, out, 1)
	first := make(chan error)
	go func() { first <- r.Stop(context.Background(), Grace{Int: time.Hour}) }()
	lines(t, out, 2)
	require.NoError(t, r.Stop(t.Context(), Grace{}))
	require.NoError(t, <-first)
}

// TestStuck: what SIGKILL does not end is told, and Done stays open until it is gone.
func TestStuck(t *testing.T) {
	e := newExecutor(t, func(o *Options) { o.StuckAfter = 100 * time.Millisecond })
	var immortal atomic.Bool
	immortal.Store(true)
	e.Immortal(immortal.Load)
	t.Run("after a Stop", func(t *testing.T) {
		immortal.Store(true)
		r, out := startShell(t, e, "a", "(setsid sh -c 'echo $$; exec sleep 600' &) ; exec sleep 600")
		pids := append(pidLines(t, out, 1), r.PID())
		err := r.Stop(t.Context(), Grace{})
		var stuck *StuckError
		require.ErrorAs(t, err, &stuck)
		require.ElementsMatch(t, pids, stuck.PIDs)
		require.False(t, r.isDone())
		immortal.Store(false)
		require.ErrorAs(t, r.Stop(t.Context(), Grace{}), &stuck, "it was told again at once")
		waitExit(t, r)
		require.NoError(t, r.Stop(t.Context(), Grace{}))
		require.Empty(t, aliveOf(pids))
	})
	t.Run("after a normal end", func(t *testing.T) {
		immortal.Store(true)
		r, out := startShell(t, e, "b", "setsid sleep 600 & echo $!; sleep 0.05")
		pids := pidLines(t, out, 1)
		select {
		case <-r.Stuck():
		case <-time.After(patience):
			t.Fatal("not told")
		}
		require.Equal(t, pids, r.StuckPIDs())
		require.False(t, r.isDone())
		immortal.Store(false)
		require.Equal(t, pids, waitExit(t, r).LeftBehind)
		require.Empty(t, aliveOf(pids))
	})
	t.Run("beyond Close", func(t *testing.T) {
		immortal.Store(true)
		r, _ := startShell(t, e, "c", "exec sleep 600")
		var stuck *StuckError
		require.ErrorAs(t, e.Close(t.Context()), &stuck)
		// Its socket closed, the guard has other means; and the end is still seen.
		require.Equal(t, syscall.SIGKILL, waitExit(t, r).Signal)
	})
}
