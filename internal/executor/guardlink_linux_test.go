package executor

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/executor/guard"
	"github.com/kedrod/kedrod/internal/executor/proc"
)

// startWorker runs the test binary as a worker and returns it with the pids that its runs have printed by the time it says that it has started.
func startWorker(t *testing.T, mode, script string, pids int) (*exec.Cmd, string, []int) {
	t.Helper()
	w := startVictim(t, "", mode, script, pids)
	return w.cmd, w.id, w.pids
}

// victim is a worker in a process of its own.
type victim struct {
	cmd  *exec.Cmd
	id   string
	said int   // what the mode says at the start: the deadline, or the pid of the guard
	pids []int // printed by its runs
}

// startVictim starts one that keeps its lock in a folder, "" for none.
func startVictim(t *testing.T, locks, mode, script string, pids int) victim {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	id := "victim-" + strconv.Itoa(os.Getpid()) + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	cmd := exec.Command(self, childArg, "worker", id, mode, script)
	cmd.Stderr = os.Stderr
	if locks != "" {
		cmd.Env = append(os.Environ(), lockVariable+"="+LockFile(locks, id))
	}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	in := bufio.NewScanner(out)
	w := victim{cmd: cmd, id: id}
	for started := false; !started || len(w.pids) < pids; {
		require.True(t, in.Scan(), "the worker ended")
		if said, ok := strings.CutPrefix(in.Text(), "started"); ok {
			started = true
			w.said, _ = strconv.Atoi(strings.TrimSpace(said))
			continue
		}
		pid, err := strconv.Atoi(in.Text())
		require.NoError(t, err)
		w.pids = append(w.pids, pid)
	}
	go func() { // whatever comes must not block it
		for in.Scan() {
		}
	}()
	return w
}

func withMarkerOf(t *testing.T, worker string) (alive []int) {
	t.Helper()
	found, err := proc.Find(proc.Wanted{Marker: proc.Marker{Entry: guard.MarkerKey + "=" + worker + "/", Prefix: true}})
	require.NoError(t, err)
	for _, p := range found {
		if p.Alive() {
			alive = append(alive, p.PID)
		}
	}
	return alive
}

func TestAKilledWorkersRunsDie(t *testing.T) {
	const escape = `trap '' TERM INT HUP; echo $$; (setsid sh -c 'echo $$; exec sleep 600' &)
		env -i /usr/bin/setsid /bin/sh -c 'echo $$; exec /bin/sleep 600' & wait; sleep 600`
	const unmarked = `exec env -i /bin/sh -c 'echo $$; exec /bin/sleep 600'` // known by its group alone
	for _, c := range []struct {
		name, mode, script string
		pids               int
	}{
		{"descendants that escape", "once", escape, 3},
		{"a leader without a marker", "once", unmarked, 1},
		{"descendants that escape, a second guard", "replace", escape, 6},
		{"a leader without a marker, a second guard", "replace", unmarked, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd, _, pids := startWorker(t, c.mode, c.script, c.pids)
			require.Len(t, aliveOf(pids), len(pids))
			killed := time.Now()
			require.NoError(t, cmd.Process.Kill())
			requireGone(t, pids...)
			t.Logf("gone %v after the kill", time.Since(killed))
		})
	}
}

// TestWorkerKilledWhileItStartsRuns: some run is always between its fork and its registration.
func TestWorkerKilledWhileItStartsRuns(t *testing.T) {
	for range 5 {
		cmd, id, _ := startWorker(t, "storm", "setsid sleep 600 & exec sleep 600", 0)
		require.Eventually(t, func() bool { return len(withMarkerOf(t, id)) > 10 }, patience, time.Millisecond)
		require.NoError(t, cmd.Process.Kill())
		require.Eventually(t, func() bool {
			return len(withMarkerOf(t, id)) == 0
		}, patience, 5*time.Millisecond)
	}
}

func TestADeadOrSilentGuardIsReplaced(t *testing.T) {
	for _, c := range []struct {
		name string
		sig  syscall.Signal
	}{{"killed", syscall.SIGKILL}, {"stopped", syscall.SIGSTOP}} {
		t.Run(c.name, func(t *testing.T) {
			e := newExecutor(t)
			before, _ := startShell(t, e, "before", "sleep 600")
			old := guardPID(e)
			require.NoError(t, syscall.Kill(old, c.sig))
			// A run's end waits for a guard that can't kill its group any more; meanwhile a stopped one must not hold things up for ever.
			during, _ := startShell(t, e, "during", "exit 3")
			require.Equal(t, 3, waitExit(t, during).Code)
			require.Eventually(t, func() bool { pid := guardPID(e); return pid != 0 && pid != old }, patience, 5*time.Millisecond)
			requireGone(t, old)
			require.Len(t, aliveOf([]int{before.PID()}), 1, "runs go on")
			after, _ := startShell(t, e, "after", "exit 4")
			require.Equal(t, 4, waitExit(t, after).Code)
			require.NoError(t, before.Stop(t.Context(), Grace{}))
		})
	}
}

func TestGuardOutlivesSignals(t *testing.T) {
	e := newExecutor(t)
	pid := guardPID(e)
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2} {
		require.NoError(t, syscall.Kill(pid, sig))
	}
	// It has answered something sent after the signals.
	r, _ := startShell(t, e, "a", "exit 0")
	waitExit(t, r)
	require.Equal(t, pid, guardPID(e))
	p, err := proc.Stat(pid)
	require.NoError(t, err)
	require.Equal(t, pid, p.Session, "no terminal's signal reaches it")
}

func TestNoRunWithoutAGuard(t *testing.T) {
	_, err := New(t.Context(), Options{WorkerID: "w", Guard: []string{"/bin/false"}})
	require.ErrorContains(t, err, "guard")
	_, err = New(t.Context(), Options{WorkerID: "w", Guard: []string{"/no/such/guard"}})
	var start *StartError
	require.ErrorAs(t, err, &start)
	require.Equal(t, CommandNotFound, start.Kind)
}
