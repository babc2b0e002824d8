package executor

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// anEscape prints the pids of a leader and of a descendant in a session of its own.
const anEscape = `trap '' TERM INT HUP; echo $$; (setsid sh -c 'echo $$; exec sleep 600' &) ; wait; sleep 600`

func onlyLeft(t *testing.T, dir string) *LeftLock {
	t.Helper()
	left, err := LeftLocks(t.Context(), dir)
	require.NoError(t, err)
	require.Len(t, left, 1)
	t.Cleanup(left[0].Release)
	return left[0]
}

// TestWorkerAndGuardKilledAtOnce: nobody is left to end the runs, so the next process does.
func TestWorkerAndGuardKilledAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "workers")
	w := startVictim(t, dir, "once", anEscape, 2)
	stranger := exec.Command("setsid", "sleep", "600")
	stranger.Env = []string{"KEDROD_MARKER=" + w.id + "2/a"}
	require.NoError(t, stranger.Start())
	t.Cleanup(func() { _ = stranger.Process.Kill(); _ = stranger.Wait() })

	killed := time.Now()
	require.NoError(t, syscall.Kill(w.said, syscall.SIGSTOP)) // else it could be quicker than its end
	require.NoError(t, w.cmd.Process.Kill())
	require.NoError(t, syscall.Kill(w.said, syscall.SIGKILL))
	_ = w.cmd.Wait()
	l := onlyLeft(t, dir)
	require.Equal(t, w.id, l.Worker)
	require.True(t, l.Near)
	require.Len(t, aliveOf(w.pids), 2, "that was the danger")
	require.NoError(t, l.Clear(t.Context()))
	require.Empty(t, aliveOf(w.pids))
	require.NoError(t, l.Remove())
	took := time.Since(killed)
	t.Logf("settled %v after the kill", took)
	require.Less(t, took, 5*time.Second)
	require.Len(t, aliveOf([]int{stranger.Process.Pid}), 1)
	left, err := LeftLocks(t.Context(), dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

// TestTheGuardHoldsTheLockToo: its worker is dead, and it is not done yet.
func TestTheGuardHoldsTheLockToo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "workers")
	w := startVictim(t, dir, "once", anEscape, 2)
	require.NoError(t, syscall.Kill(w.said, syscall.SIGSTOP))
	require.NoError(t, w.cmd.Process.Kill())
	_ = w.cmd.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	left, err := LeftLocks(ctx, dir)
	require.NoError(t, err)
	require.Empty(t, left, "the lock is the guard's while it lives")
	require.Len(t, aliveOf(w.pids), 2)

	require.NoError(t, syscall.Kill(w.said, syscall.SIGCONT))
	l := onlyLeft(t, dir) // waits for the guard
	require.Empty(t, aliveOf(w.pids), "it let go of the lock when it was done")
	require.NoError(t, l.Clear(t.Context()))
	require.NoError(t, l.Remove())
}

// TestAReplacedGuardHoldsTheLock: it was not the one that the worker began with.
func TestAReplacedGuardHoldsTheLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "workers")
	w := startVictim(t, dir, "replace", anEscape, 4)
	require.NoError(t, syscall.Kill(w.said, syscall.SIGSTOP))
	require.NoError(t, w.cmd.Process.Kill())
	_ = w.cmd.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	left, err := LeftLocks(ctx, dir)
	require.NoError(t, err)
	require.Empty(t, left)
	require.NoError(t, syscall.Kill(w.said, syscall.SIGKILL))
	l := onlyLeft(t, dir)
	require.NoError(t, l.Clear(t.Context()))
	requireGone(t, w.pids...)
}

func TestALivingWorkersLockIsLetBe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "workers")
	e := newExecutor(t, func(o *Options) { o.LockFile = LockFile(dir, o.WorkerID) })
	r, out := startShell(t, e, "a", descriptors+`; sleep 600`)
	require.Equal(t, "0 1 2", descriptorsIn(lines(t, out, 1)[0]), "a run that held the lock would hold it for the worker")
	before := time.Now()
	left, err := LeftLocks(t.Context(), dir)
	require.NoError(t, err)
	require.Empty(t, left)
	require.Less(t, time.Since(before), guardAtWork, "nobody is waited for")
	require.NoError(t, r.Stop(t.Context(), Grace{}))
	require.NoError(t, e.Close(t.Context()))
	l := onlyLeft(t, dir)
	require.Equal(t, e.opts.WorkerID, l.Worker)
	require.NoError(t, l.Clear(t.Context()))
	l.Release()
	require.NoError(t, onlyLeft(t, dir).Remove())
}

// TestWhoRanElsewhereIsLeftToItsLease: a number or a marker says nothing of another container or machine.
func TestWhoRanElsewhereIsLeftToItsLease(t *testing.T) {
	here := Here()
	require.NotEmpty(t, here.BootID)
	require.NotEmpty(t, here.PIDNamespace)
	here.Machine = "m"
	for _, c := range []struct {
		name         string
		change       func(*Place)
		near, booted bool
	}{
		{"here", func(*Place) {}, true, false},
		{"another container", func(p *Place) { p.PIDNamespace = "pid:[1]" }, false, false},
		{"another machine", func(p *Place) { p.BootID, p.Machine = "b", "n" }, false, false},
		{"this machine before its start", func(p *Place) { p.BootID = "b" }, true, true},
		{"a machine without an id", func(p *Place) { p.BootID, p.Machine = "b", "" }, false, false},
		{"nothing known", func(p *Place) { *p = Place{} }, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			h := holder{Worker: "w", PID: 1 << 22, Start: 5, Place: here}
			c.change(&h.Place)
			text, err := json.Marshal(h)
			require.NoError(t, err)
			path := LockFile(dir, "w")
			require.NoError(t, os.WriteFile(path, text, 0o600))
			l, err := takeLeft(t.Context(), path, here)
			require.NoError(t, err)
			require.NotNil(t, l)
			require.Equal(t, c.near, l.Near)
			require.Equal(t, c.booted, l.booted)
			if !c.near {
				require.Error(t, l.Clear(t.Context()))
			}
			require.NoError(t, l.Remove())
			require.NoFileExists(t, path)
		})
	}
}

func TestLockFilesOfNobody(t *testing.T) {
	dir := t.TempDir()
	left, err := LeftLocks(t.Context(), filepath.Join(dir, "none"))
	require.NoError(t, err)
	require.Empty(t, left)
	other := `{"worker":"b","pid":7,"boot_id":"x","pid_namespace":"y","machine":""}`
	for name, text := range map[string]string{"empty": "", "half": `{"worker":"half","pi`, "a": other, "long": strings.Repeat(" ", 5000)} {
		require.NoError(t, os.WriteFile(LockFile(dir, name), []byte(text), 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder.lock"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes"), nil, 0o600))
	left, err = LeftLocks(t.Context(), dir)
	require.NoError(t, err)
	require.Empty(t, left)
	names, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, names, 2, "what is no lock is let be")
}

func FuzzReadLock(f *testing.F) {
	f.Add([]byte(`{"worker":"b","pid":7,"boot_id":"x","pid_namespace":"y","machine":""}`))
	f.Add([]byte("{"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if h, ok := readLock(text); ok {
			require.NoError(t, checkID("worker id", h.Worker))
			require.Positive(t, h.PID)
		}
	})
}
