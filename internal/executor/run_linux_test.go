package executor

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/executor/guard"
	"github.com/kedrod/kedrod/internal/executor/proc"
)

// descriptors has a shell print its open descriptors, the one by which it looks among them.
const descriptors = `echo /proc/$$/fd/*`

// descriptorsIn takes that line apart. The one that looked got the least free number, so it is the last unless there is a gap.
func descriptorsIn(line string) string {
	var open []string
	for _, path := range strings.Fields(line) {
		open = append(open, filepath.Base(path))
	}
	return strings.Join(open[:len(open)-1], " ")
}

func TestWhatARunGets(t *testing.T) {
	e := newExecutor(t)
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "out")
	out, err := os.Create(path)
	require.NoError(t, err)
	defer out.Close()
	r, err := e.Start(t.Context(), Spec{
		RunID: "job/1", Dir: dir, Output: out,
		Argv: []string{"sh", "-c", `pwd; echo "$KEDROD_MARKER"; echo "$A"; cat; readlink /proc/$$/fd/0; cat /proc/sys/kernel/../../$$/stat; ` + descriptors + `
			while [ "$(nice)" = "$OUR_NICE" ] || [ "$(cat /proc/$$/oom_score_adj)" -lt 500 ]; do sleep 0.01; done; nice; cat /proc/$$/oom_score_adj`},
		Env: append([]string{"KEDROD_MARKER=another/one", "A=b c", fmt.Sprint("OUR_NICE=", e.nice-5)}, plainEnv...),
	})
	require.NoError(t, err)
	x := waitExit(t, r)
	require.Zero(t, x.Code)
	got := lines(t, path, 8)
	require.Equal(t, []string{dir, e.opts.WorkerID + "/job/1", "b c", "/dev/null"}, got[:4])
	stat := strings.Fields(got[4])
	require.Equal(t, stat[0], stat[4], "a group of its own")
	require.Equal(t, stat[0], stat[5], "a session of its own")
	require.Equal(t, "0 1 2", descriptorsIn(got[5]), "no descriptor of ours leaks into a run")
	require.Equal(t, strconv.Itoa(e.nice), got[6])
	require.Equal(t, "500", got[7])
}

func TestIdsThatWouldBreakTheProtocolAreRefused(t *testing.T) {
	e := newExecutor(t)
	for _, id := range []string{"", "a b", "a\nb", "a\x00b", strings.Repeat("x", 201)} {
		_, err := e.Start(t.Context(), Spec{RunID: id, Argv: []string{"true"}, Env: plainEnv})
		require.Error(t, err, "%q", id)
		_, err = New(t.Context(), Options{WorkerID: id})
		require.Error(t, err, "%q", id)
	}
	_, err := New(t.Context(), Options{WorkerID: "a/b"})
	require.Error(t, err)
	r, _ := startShell(t, e, "twice", "sleep 60")
	_, err = e.Start(t.Context(), Spec{RunID: "twice", Argv: []string{"true"}, Env: plainEnv})
	require.ErrorContains(t, err, "twice")
	require.NoError(t, r.Stop(t.Context(), Grace{}))
}

// TestShortRunsWhileOrphansAreReaped: hundreds of runs at once that leave daemons behind; each status must be its own, and nothing may be left.
func TestShortRunsWhileOrphansAreReaped(t *testing.T) {
	e := newExecutor(t)
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8)
	errs := make(chan error, 300)
	for i := range 300 {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			r, err := e.Start(t.Context(), Spec{RunID: fmt.Sprint("s", i), Env: plainEnv,
				Argv: []string{"sh", "-c", "(setsid sleep 0.05 &) ; (true &) ; (setsid sleep 60 &) ; exit $1", "sh", strconv.Itoa(i % 100)}})
			if err != nil {
				errs <- err
				return
			}
			if x := r.Exit(); x.Code != i%100 || x.Signal != 0 {
				errs <- fmt.Errorf("run %d: %+v", i, x)
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	requireOnlyGuard(t, e)
}

// TestCloseWhileRunsAreStarted: every start is either refused or ended by Close.
func TestCloseWhileRunsAreStarted(t *testing.T) {
	e := newExecutor(t)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				if _, err := e.Start(t.Context(), Spec{RunID: fmt.Sprint(g, "-", i), Argv: []string{"sleep", "600"}, Env: plainEnv}); err != nil {
					assert.ErrorIs(t, err, ErrClosed)
					return
				}
			}
		})
	}
	marker := proc.Marker{Entry: guard.MarkerKey + "=" + e.opts.WorkerID + "/", Prefix: true}
	count := func() int {
		found, _ := proc.Find(proc.Wanted{Marker: marker})
		return len(found)
	}
	require.Eventually(t, func() bool { return count() > 20 }, patience, time.Millisecond)
	require.NoError(t, e.Close(t.Context()))
	wg.Wait()
	require.Zero(t, count())
}

func TestClose(t *testing.T) {
	e := newExecutor(t)
	a, out := startShell(t, e, "a", "trap '' TERM INT; setsid sleep 60 & echo $!; wait")
	pids := pidLines(t, out, 1)
	require.NoError(t, e.Close(t.Context()))
	requireGone(t, append(pids, a.PID())...)
	require.Equal(t, syscall.SIGKILL, a.Exit().Signal)
	_, err := e.Start(t.Context(), Spec{RunID: "b", Argv: []string{"true"}, Env: plainEnv})
	require.ErrorIs(t, err, ErrClosed)
	_, err = e.Output(t.Context(), Command{Argv: []string{"true"}, Env: plainEnv})
	require.ErrorIs(t, err, ErrClosed)
	require.NoError(t, e.Close(t.Context()))
}
