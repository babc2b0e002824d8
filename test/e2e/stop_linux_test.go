package e2e

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
)

// TestCancelledMeansGone: a run that ignores signals, with children that left its
// group. The word is said once none of them is alive.
func TestCancelledMeansGone(t *testing.T) { //nolint:tparallel // one after the other: no other run may carry the marker
	t.Parallel()
	s := serve(t, setup{projects: []string{project(t, "witness")}, args: []string{"--stop-grace-int", "300ms", "--stop-grace-term", "300ms", "--concurrency", "2"}})
	path, gate := filepath.Join(t.TempDir(), "diary"), filepath.Join(t.TempDir(), "never")
	for _, c := range []struct {
		name, status, reason string
	}{
		{name: "cancel", status: "cancelled"},
		{name: "timeout", status: "failed", reason: "timeout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			more, limit := params{}, 0.0
			if c.reason == "timeout" {
				limit = 3
				more["timeout_seconds"] = limit
			}
			id, worker, live := tryDeafRun(t, s, path, gate, more)
			for ; !live && limit > 0; id, worker, live = tryDeafRun(t, s, path, gate, more) {
				limit *= 2 // a busy machine had not even started the children
				more["timeout_seconds"] = limit
			}
			require.True(t, live)
			if c.name == "cancel" {
				job, err := s.Cancel(within(t), id)
				require.NoError(t, err)
				require.Equal(t, "running", job.Status, "its processes live")
				require.NotNil(t, job.CancelRequestedAt)
				again, err := s.Cancel(within(t), id)
				require.NoError(t, err)
				require.Equal(t, job.CancelRequestedAt.Time, again.CancelRequestedAt.Time)
			}
			var job *client.Job
			eventually(t, "the job has ended", func() bool {
				job = s.job(t, id)
				return job.Ended()
			})
			require.Empty(t, marked(t, worker), "%s was said while processes of the run lived", job.Status)
			require.Equal(t, c.status, job.Status, explain(job))
			require.Equal(t, c.reason, text(job.Reason))
			require.Zero(t, count(diary(t, path), "end", id, 0))
			if c.reason == "timeout" {
				require.Contains(t, text(job.ErrorMessage), "timeout_seconds")
				require.GreaterOrEqual(t, *job.ExecutionTime, limit)
			}
			nodes, err := s.Nodes(within(t), id)
			require.NoError(t, err)
			require.Len(t, nodes, 1)
			require.NotEqual(t, "running", nodes[0].Status, "nothing runs any more")
			after, err := s.Cancel(within(t), id)
			require.NoError(t, err)
			require.Equal(t, c.status, after.Status, "a final state stays")
		})
	}
}

// TestCancelWhilePending is at once, and nothing ever runs.
func TestCancelWhilePending(t *testing.T) {
	t.Parallel()
	s := serve(t, setup{projects: []string{project(t, "witness")}, args: []string{"--concurrency", "1"}})
	path, gate := filepath.Join(t.TempDir(), "diary"), filepath.Join(t.TempDir(), "gate")
	first := s.submit(t, "diary", params{"path": path, "gate": gate})
	second := s.submit(t, "diary", params{"path": path})
	third := s.submit(t, "diary", params{"path": path})
	eventually(t, "the first runs", func() bool { return count(diary(t, path), "start", first.ID, 1) == 1 })
	require.NotEmpty(t, text(s.job(t, second.ID).WaitingFor), "why it waits is told")
	job, err := s.Cancel(within(t), second.ID)
	require.NoError(t, err)
	require.Equal(t, "cancelled", job.Status)
	touch(t, gate)
	require.Equal(t, "completed", s.end(t, third.ID).Status)
	require.Equal(t, "completed", s.end(t, first.ID).Status)
	require.Empty(t, s.attempts(t, second.ID))
	require.Zero(t, count(diary(t, path), "start", second.ID, 0))
	require.Equal(t, "cancelled", s.job(t, second.ID).Status)
}

// TestDrain: after SIGTERM a run may end; what does not is given back, and done after the
// next start. It costs no try.
func TestDrain(t *testing.T) {
	t.Parallel()
	s := serve(t, setup{projects: []string{project(t, "witness")}, data: filepath.Join(t.TempDir(), "data"),
		args: []string{"--concurrency", "2", "--drain-timeout", "4s"}})
	path, soon, never := filepath.Join(t.TempDir(), "diary"), filepath.Join(t.TempDir(), "soon"), filepath.Join(t.TempDir(), "never")
	quick := s.submit(t, "diary", params{"path": path, "gate": soon})
	slow := s.submit(t, "diary", params{"path": path, "gate": never})
	waiting := s.submit(t, "diary", params{"path": path})
	eventually(t, "both run", func() bool { return count(diary(t, path), "start", "", 0) == 2 })
	worker := s.worker(t)
	s.signal(t, syscall.SIGTERM)
	eventually(t, "the worker drains", func() bool {
		all, err := s.Workers(within(t))
		return err == nil && all[0].Status == "draining"
	})
	touch(t, soon)
	require.Zero(t, s.wait(t), "an orderly stop")
	require.Empty(t, marked(t, worker))
	require.Zero(t, count(diary(t, path), "start", waiting.ID, 0), "nothing is started while draining")

	touch(t, never)
	s = s.again(t)
	for _, c := range []struct {
		job      *client.Job
		attempts []string
	}{{quick, []string{"completed"}}, {slow, []string{"returned", "completed"}}, {waiting, []string{"completed"}}} {
		job := s.end(t, c.job.ID)
		require.Equal(t, "completed", job.Status, explain(job))
		require.Zero(t, job.Tries)
		var statuses []string
		for _, a := range s.attempts(t, job.ID) {
			statuses = append(statuses, a.Status)
		}
		require.Equal(t, c.attempts, statuses)
	}
	requireNoOverlap(t, diary(t, path))
}

// TestDrainByCall: a run under way ends, no other is started, the API goes on and says
// what is the matter; the next start does what waits.
func TestDrainByCall(t *testing.T) {
	t.Parallel()
	s := serve(t, setup{projects: []string{project(t, "witness")}, data: filepath.Join(t.TempDir(), "data"), args: []string{"--concurrency", "1"}})
	path, gate := filepath.Join(t.TempDir(), "diary"), filepath.Join(t.TempDir(), "gate")
	runs := s.submit(t, "diary", params{"path": path, "gate": gate})
	eventually(t, "it runs", func() bool { return count(diary(t, path), "start", "", 0) == 1 })
	r := s.cli(t, "workers", "drain", s.worker(t))
	require.Zero(t, r.code, "%s", r)
	require.Contains(t, r.out, "draining")
	waits := s.submit(t, "diary", params{"path": path})
	touch(t, gate)
	require.Equal(t, "completed", s.end(t, runs.ID).Status)
	eventually(t, "the worker has ended", func() bool {
		all, err := s.Workers(within(t))
		return err == nil && all[0].Status == "stopped" && all[0].DrainRequestedAt != nil
	})
	h, err := s.Health(within(t))
	require.NoError(t, err)
	require.Equal(t, "degraded", h.Status)
	require.Contains(t, h.Checks["worker"].Message, "drained")
	require.Equal(t, "pending", s.job(t, waits.ID).Status)
	require.Zero(t, count(diary(t, path), "start", waits.ID, 0))
	s.signal(t, syscall.SIGTERM)
	require.Zero(t, s.wait(t), "an orderly stop")
	s = s.again(t)
	require.Equal(t, "completed", s.end(t, waits.ID).Status)
}

// TestTheSecondSignalStopsAtOnce, without the time that a drain and a run's grace
// would take.
func TestTheSecondSignalStopsAtOnce(t *testing.T) {
	t.Parallel()
	s := serve(t, setup{projects: []string{project(t, "witness")}, data: filepath.Join(t.TempDir(), "data"),
		args: []string{"--drain-timeout", "10m", "--stop-grace-int", "10m"}})
	path, gate := filepath.Join(t.TempDir(), "diary"), filepath.Join(t.TempDir(), "gate")
	id, worker := deafRun(t, s, path, gate, nil)
	s.signal(t, syscall.SIGINT)
	eventually(t, "the worker drains", func() bool {
		all, err := s.Workers(within(t))
		return err == nil && all[0].Status == "draining"
	})
	require.NotEmpty(t, marked(t, worker), "the first signal lets the run go on")
	s.signal(t, syscall.SIGTERM)
	require.Zero(t, s.wait(t))
	require.Empty(t, marked(t, worker))

	touch(t, gate)
	s = s.again(t)
	job := s.end(t, id)
	require.Equal(t, "completed", job.Status, explain(job))
	require.Equal(t, 2, job.Attempt)
	require.Equal(t, "returned", s.attempts(t, id)[0].Status)
	requireNoOverlap(t, diary(t, path))
}
