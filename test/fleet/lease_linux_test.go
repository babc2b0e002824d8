package fleet

import (
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/test/pgtest"
)

// TestAMachineThatIsLost: nobody there tells any more, and another worker has the job
// after a lease.
func TestAMachineThatIsLost(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	s := f.serve("--no-worker")
	p, lost := f.work("--lease", "3s")
	runs := s.submit("until", nil)
	f.eventually("it runs", func() bool { return strings.Contains(f.text(f.record()), "start "+runs.ID+" 1") })
	require.NoError(t, p.Signal(syscall.SIGKILL)) // its guard kills the run
	_, other := f.work("--lease", "3s")
	f.eventually("it runs elsewhere", func() bool { return strings.Contains(f.text(f.record()), "start "+runs.ID+" 2") })
	require.NoError(t, writeFile(f.release(), ""))
	require.Equal(t, other, *s.becomes(runs.ID, "completed").Worker)
	require.NotContains(t, f.text(f.record()), "end "+runs.ID+" 1")
	all, err := s.Workers(t.Context())
	require.NoError(t, err)
	for _, w := range all {
		require.Equal(t, map[string]string{lost: "lost", other: "ready"}[w.ID], w.Status)
	}
}

// TestAWorkerThatStoodStill finds its jobs with others when it goes on, has no run left,
// and goes on under a new id in the same process.
func TestAWorkerThatStoodStill(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	s := f.serve("--no-worker")
	p, still := f.work("--lease", "3s")
	runs := s.submit("until", nil)
	f.eventually("it runs", func() bool { return strings.Contains(f.text(f.record()), "start "+runs.ID+" 1") })
	require.NoError(t, p.Signal(syscall.SIGSTOP))
	continued := false
	t.Cleanup(func() {
		if !continued {
			_ = p.Signal(syscall.SIGCONT)
		}
	})
	_, other := f.work("--lease", "3s", "--concurrency", "1")
	f.eventually("it runs elsewhere", func() bool { return strings.Contains(f.text(f.record()), "start "+runs.ID+" 2") })
	require.NoError(t, p.Signal(syscall.SIGCONT))
	continued = true
	next := s.submit("quick", nil)
	fresh := *s.becomes(next.ID, "completed").Worker
	require.NotContains(t, []string{still, other}, fresh, "the one slot elsewhere is taken")
	require.NoError(t, writeFile(f.release(), ""))
	require.Equal(t, other, *s.becomes(runs.ID, "completed").Worker)
	require.NotContains(t, f.text(f.record()), "end "+runs.ID+" 1")
	require.Contains(t, p.Log.String(), "going on with a new one")
	require.NoError(t, p.Signal(syscall.SIGTERM))
	code, err := p.Exited()
	require.NoError(t, err)
	require.Zero(t, code)
}

// TestTheDatabaseIsAway for less than the lease: no run is ended, and what ended
// meanwhile is reported once it is back, as the first attempt that it was.
func TestTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	db := pgtest.Start(t, pgtest.Options{})
	f := newFleetOn(t, db.Database(t))
	s := f.serve("--no-worker")
	p, _ := f.work("--lease", "1m", "--concurrency", "2")
	ends, goesOn := s.submit("until", nil), s.submit("until", nil)
	for _, j := range []*client.Job{ends, goesOn} {
		f.eventually("it runs", func() bool { return strings.Contains(f.text(f.record()), "start "+j.ID+" 1") })
	}
	require.NoError(t, db.Stop(pgtest.Immediate))
	require.NoError(t, writeFile(f.release(), ""))
	f.eventually("the runs end", func() bool { return strings.Count(f.text(f.record()), "end ") == 2 })
	f.eventually("the service says so", func() bool {
		h, err := s.Health(t.Context())
		return err == nil && h.Status == "down"
	})
	require.NoError(t, db.Restart())
	for _, j := range []*client.Job{ends, goesOn} {
		done := s.becomes(j.ID, "completed")
		require.Equal(t, 1, done.Attempt)
	}
	require.NotContains(t, p.Log.String(), "killed")
	next := s.submit("quick", nil)
	s.becomes(next.ID, "completed")
}
