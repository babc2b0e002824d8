package chaos

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kedrod/kedrod/test/pgtest"
)

// TestRecovery shows that runs go on elsewhere whatever becomes of their worker, and tells
// how soon. By itself it takes a short lease and a few rounds; KEDROD_RECOVERY=20 takes
// as many, with the lease that kedrod has unless told otherwise: docs/benchmarks.md.
func TestRecovery(t *testing.T) {
	t.Parallel()
	rounds, lease := 2, lease
	if text := os.Getenv("KEDROD_RECOVERY"); text != "" {
		var err error
		rounds, err = strconv.Atoi(text)
		require.NoError(t, err)
		lease = 15 * time.Second
	}
	for _, c := range []struct {
		name  string
		local bool // the worker itself comes again, and nobody else is there
		hit   func(v victim) error
	}{
		{"worker killed, guard alive", false, func(v victim) error { v.node.kill(); return nil }},
		{"worker, guard and runs killed", false, func(v victim) error { v.node.killMachine(); return nil }},
		{"worker cut off from the database", false, func(v victim) error { v.link.proxy.Stop(); return nil }},
		{"worker stopped", false, func(v victim) error { v.node.signal(syscall.SIGSTOP); return nil }},
		{"worker killed and started again", true, func(v victim) error { v.node.kill(); return v.node.start() }},
		{"worker and guard killed, started again", true, func(v victim) error { v.node.killBoth(); return v.node.start() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFleet(t, lease, rounds)
			if !c.local {
				require.NoError(t, f.rescue.start())
			}
			var times []time.Duration
			for _, v := range f.victims {
				begun := sinceBoot()
				require.NoError(t, c.hit(v))
				if !c.local { // one is as good as the other: all are hit at once
					times = append(times, begun)
					continue
				}
				times = append(times, f.started(v.job, 2)-begun)
			}
			for i, v := range f.victims {
				if !c.local {
					times[i] = f.started(v.job, 2) - times[i]
				}
			}
			report(t, c.name, lease, times)
			f.finish()
		})
	}
	t.Run("cancel at another node", func(t *testing.T) {
		t.Parallel()
		f := newFleet(t, lease, rounds)
		var times []time.Duration
		for _, v := range f.victims {
			pid := f.pid(v.job, 1)
			begun := sinceBoot()
			status, answer, err := f.call(t.Context(), http.MethodPost, "/api/v1/jobs/"+v.job+"/cancel", nil, nil)
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, status, "%s", answer)
			f.eventually(func() bool { return syscall.Kill(pid, 0) != nil })
			times = append(times, sinceBoot()-begun)
		}
		report(t, "cancel at another node", lease, times)
		f.finish()
	})
	t.Run("submission to start", func(t *testing.T) {
		t.Parallel()
		f := newFleet(t, lease, 1)
		require.NoError(t, f.rescue.start())
		var times []time.Duration
		for n := range 10 * rounds {
			begun := sinceBoot()
			id := f.submitOne(fmt.Sprintf("start-%d", n), task{Milliseconds: 1})
			times = append(times, f.started(id, 1)-begun)
			f.eventually(func() bool { j, err := f.job(t.Context(), id); return err == nil && j.Ended() })
		}
		report(t, "submission to start", lease, times)
		f.finish()
	})
	t.Run("database restarted within the lease", func(t *testing.T) {
		t.Parallel()
		// A machine that is busy must not make it longer than the lease allows.
		lease, away := 2*time.Minute, lease/3
		f := newFleet(t, lease, rounds)
		require.NoError(t, f.rescue.start())
		pids := make([]int, len(f.victims))
		for i, v := range f.victims {
			pids[i] = f.pid(v.job, 1)
		}
		var times []time.Duration
		for n := range rounds {
			require.NoError(t, f.server.Stop(pgtest.Immediate))
			f.pause(away)
			begun := sinceBoot()
			require.NoError(t, f.server.Restart())
			id := f.submitOne(fmt.Sprintf("after-%d", n), task{Milliseconds: 1})
			times = append(times, f.started(id, 1)-begun)
		}
		for i, v := range f.victims {
			require.NoError(t, syscall.Kill(pids[i], 0), "the run of %s was ended", v.job)
			j, err := f.job(t.Context(), v.job)
			require.NoError(t, err)
			require.Equal(t, 1, j.Attempt)
			require.Equal(t, "running", j.Status)
		}
		report(t, "database restarted within the lease", lease, times)
		f.finish()
	})
}

// victim is a worker with one job that runs until it is cancelled.
type victim struct {
	node *node
	link *link
	job  string
}

// fleet is a serve without a worker, workers with a run each, and one that may take over.
type fleet struct {
	*world
	server  *pgtest.Server
	victims []victim
	rescue  *node
}

func newFleet(t *testing.T, lease time.Duration, workers int) *fleet {
	t.Helper()
	f := &fleet{world: newWorld(t), server: pgtest.Start(t, pgtest.Options{})}
	url := f.server.Database(t)
	database := url[strings.LastIndexByte(url, '/')+1 : strings.IndexByte(url, '?')]
	join := func(verb, name string, args ...string) (*node, *link) {
		l := f.link(name, f.server.Address(), database)
		n := f.node(verb, name, append([]string{"--lease", lease.String(), "--drain-timeout", "1s"}, args...)...)
		n.env = append(n.env, "KEDROD_DATABASE_URL="+l.url)
		return n, l
	}
	serve, _ := join("serve", "serve", "--no-worker")
	f.serves = []*node{serve}
	require.NoError(t, serve.start())
	for n := range workers {
		v := victim{job: f.submitOne(fmt.Sprintf("victim-%d", n), task{Milliseconds: int(time.Hour / time.Millisecond), Lines: 1})}
		v.node, v.link = join("worker", fmt.Sprintf("worker-%d", n), "--concurrency", "1")
		f.workers = append(f.workers, v.node)
		require.NoError(t, v.node.start())
		f.started(v.job, 1)
		f.victims = append(f.victims, v)
	}
	// Beside its own slots it has one for what is submitted in between.
	f.rescue, _ = join("worker", "rescue", "--concurrency", strconv.Itoa(workers+1))
	f.workers = append(f.workers, f.rescue)
	return f
}

func (f *fleet) submitOne(key string, what task) string {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	id, err := f.post(ctx, key, map[string]any{
		"pipeline_name": "sum", "parameters": map[string]any{"chaos": what}, "timeout_seconds": 3600, "max_recoveries": 100,
	})
	require.NoError(f.t, err)
	return id
}

// finish cancels what still runs and ends all nodes; nothing may be left.
func (f *fleet) finish() {
	f.t.Helper()
	for _, v := range f.victims {
		if !v.link.proxy.Enabled { // so that it hears of its end
			require.NoError(f.t, v.link.start())
		}
		status, answer, err := f.call(f.t.Context(), http.MethodPost, "/api/v1/jobs/"+v.job+"/cancel", nil, nil)
		require.NoError(f.t, err)
		require.Equal(f.t, http.StatusOK, status, "%s", answer)
	}
	f.eventually(func() bool { // also by those that were stopped
		for _, v := range f.victims {
			if v.node.cmd != nil {
				v.node.signal(syscall.SIGCONT)
			}
			if j, err := f.job(f.t.Context(), v.job); err != nil || !j.Ended() {
				return false
			}
		}
		return true
	})
	f.verifyGone()
	journal, err := os.ReadFile(filepath.Join(f.dir, "journal"))
	require.NoError(f.t, err)
	require.NotContains(f.t, string(journal), "over")
}

// started waits for an attempt's run and gives the moment at which it began.
func (f *fleet) started(id string, attempt int) time.Duration {
	f.t.Helper()
	var at int64
	f.eventually(func() bool { at, _ = f.line(id, attempt); return at != 0 })
	return time.Duration(at)
}

func (f *fleet) pid(id string, attempt int) int {
	_, pid := f.line(id, attempt)
	return pid
}

// line finds the start of an attempt's run in the journal.
func (f *fleet) line(id string, attempt int) (at int64, pid int) {
	journal, _ := os.ReadFile(filepath.Join(f.dir, "journal"))
	for line := range strings.Lines(string(journal)) {
		var job, what string
		var number int
		if n, _ := fmt.Sscan(line, &at, &job, &number, &pid, &what); n == 5 && job == id && number == attempt && what == "start" {
			return at, pid
		}
	}
	return 0, 0
}

func (f *fleet) eventually(what func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(patience); !what(); f.pause(time.Millisecond) {
		require.True(f.t, time.Now().Before(deadline), "it did not happen")
	}
}

func (f *fleet) pause(d time.Duration) { hold(f.t.Context(), d) }

func sinceBoot() time.Duration {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &now)
	return time.Duration(now.Nano())
}

func report(t *testing.T, what string, lease time.Duration, times []time.Duration) {
	t.Helper()
	slices.Sort(times)
	at := func(q float64) time.Duration {
		return times[int(q*float64(len(times)-1))].Round(100 * time.Microsecond)
	}
	t.Logf("%s, lease %s: median %s, p99 %s, worst %s of %d", what, lease, at(0.5), at(0.99), at(1), len(times))
}
