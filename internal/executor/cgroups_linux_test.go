package executor

import (
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/executor/cgroup"
)

// aDetached one sheds environment, session, group and parent, and its run ends at once.
const aDetached = `(env -i /usr/bin/setsid /bin/sh -c 'echo $$; exec /bin/sleep 600' &); while [ ! -e go ]; do sleep 0.01; done`

// TestGroupsOfRuns shows what control groups bring where they can be made, and that all holds without them.
func TestGroupsOfRuns(t *testing.T) {
	e := newExecutor(t)
	if e.cgroups == nil {
		t.Run("none can be made here", func(t *testing.T) {
			r, _ := startShell(t, e, "a", "exit 3")
			require.Equal(t, 3, waitExit(t, r).Code)
			require.Nil(t, r.cgroup)
		})
		return
	}
	t.Run("made by the kernel", func(t *testing.T) {
		stranger := exec.Command("setsid", "sleep", "600") // in our own group, beside the runs'
		require.NoError(t, stranger.Start())
		t.Cleanup(func() { _ = stranger.Process.Kill(); _ = stranger.Wait() })
		older, _ := startShell(t, e, "older", "sleep 600")
		r, out := startShell(t, e, "job/1", aDetached)
		pid := pidLines(t, out, 1)
		dir := r.cgroup.dir
		require.Contains(t, cgroup.PIDs(dir), pid[0])
		require.Contains(t, cgroup.PIDs(dir), r.PID())
		require.True(t, r.cgroup.holds(groupOf(pid[0])))
		require.False(t, older.cgroup.holds(groupOf(pid[0])))
		require.NoError(t, os.WriteFile("/proc/"+strconv.Itoa(r.PID())+"/cwd/go", nil, 0o600))
		require.Equal(t, pid, waitExit(t, r).LeftBehind, "it is known whose it is, though another run is older")
		require.Empty(t, aliveOf(pid))
		require.NoDirExists(t, dir)
		require.Len(t, aliveOf([]int{older.PID(), stranger.Process.Pid}), 2)

		require.NoError(t, e.Close(t.Context()))
		require.Len(t, aliveOf([]int{stranger.Process.Pid}), 1)
		require.NoDirExists(t, e.cgroups.dir)
	})
}

// TestTheGuardKillsTheGroup: its worker is dead, and the detached process has no marker, no known parent, no known session.
func TestTheGuardKillsTheGroup(t *testing.T) {
	probe := newExecutor(t)
	script := `(env -i /usr/bin/setsid /bin/sh -c 'echo $$; exec /bin/sleep 600' &); echo $$; exec sleep 600`
	w := startVictim(t, "", "once", script, 2)
	require.NoError(t, w.cmd.Process.Kill())
	if probe.cgroups == nil {
		t.Run("without groups only what is known dies", func(t *testing.T) {
			require.Eventually(t, func() bool { return len(aliveOf(w.pids)) == 1 }, patience, 5*time.Millisecond)
			for _, pid := range aliveOf(w.pids) {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		})
		return
	}
	t.Run("in a group made by the kernel", func(t *testing.T) {
		requireGone(t, w.pids...)
		dir := filepath.Join(filepath.Dir(probe.cgroups.dir), workerGroup+w.id)
		require.Eventually(t, func() bool { _, err := os.Stat(dir); return os.IsNotExist(err) }, patience, 5*time.Millisecond, "it is removed too")
	})
}

// TestARefusedGroupIsGivenUp: the kernel or a sandbox may refuse what the folder seems to allow.
func TestARefusedGroupIsGivenUp(t *testing.T) {
	e := newExecutor(t)
	e.cgroups = &cgroups{dir: filepath.Join(t.TempDir(), workerGroup+"w"), log: e.log, write: cgroup.Write} // folders, and no control groups
	for _, id := range []string{"a", "b"} {
		r, _ := startShell(t, e, id, "exit 3")
		require.Equal(t, 3, waitExit(t, r).Code)
		require.Nil(t, r.cgroup)
	}
	require.True(t, e.cgroups.broken.Load())
	_, err := e.Start(t.Context(), Spec{RunID: "c", Argv: []string{"/no/such/command"}, Env: plainEnv})
	var start *StartError
	require.ErrorAs(t, err, &start)
	require.Equal(t, CommandNotFound, start.Kind)
}

func TestACommandThatIsMissingSpoilsNoGroup(t *testing.T) {
	e := newExecutor(t)
	_, err := e.Start(t.Context(), Spec{RunID: "c", Argv: []string{"/no/such/command"}, Env: plainEnv})
	var start *StartError
	require.ErrorAs(t, err, &start)
	if e.cgroups != nil {
		require.False(t, e.cgroups.broken.Load())
		names, err := os.ReadDir(e.cgroups.dir)
		require.NoError(t, err)
		for _, n := range names {
			require.False(t, n.IsDir(), n.Name())
		}
	}
}

func TestAWorkersGroupOutlastsAnUpgrade(t *testing.T) {
	dir := t.TempDir() + "/kedrod-w"
	for range 2 {
		c := &cgroups{dir: dir, log: slog.New(slog.DiscardHandler)}
		require.NoError(t, c.make())
	}
}
