package app

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/sqlite"
)

func ptr[T any](v T) *T { return &v }

// history makes a data folder in which every table has rows and every column has values.
func history(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	s, err := sqlite.Open(t.Context(), filepath.Join(dir, "jobs.db"), sqlite.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	ctx, now := t.Context(), job.Truncate(time.Now())
	later := now.Add(time.Hour)
	n := 0
	submit := func(change func(*job.Job)) job.Job {
		n++
		j := job.Job{
			ID: fmt.Sprintf("00000000-0000-7000-8000-%012d", n), Project: "proj", Pipeline: "pipe ü", Status: job.Pending,
			Parameters: json.RawMessage(`{"a": 1.0, "b": "\u0000"}`), CreatedAt: now.Add(time.Duration(n) * time.Millisecond),
			Queue: job.Queue{Timeout: time.Minute, MaxAttempts: 2, MaxRecoveries: 3},
		}
		if change != nil {
			change(&j)
		}
		_, _, err := s.Submit(ctx, j, &store.Idempotency{Key: "key " + j.ID, Hash: "hash"})
		require.NoError(t, err)
		return j
	}
	claim := func() job.Ref {
		jobs, err := s.Claim(ctx, store.Claim{Worker: "worker", Limit: 1, Projects: []string{"proj"}})
		require.NoError(t, err)
		require.Len(t, jobs, 1)
		return job.Ref{JobID: jobs[0].ID, Attempt: jobs[0].Attempt, Worker: "worker"}
	}
	report := func(o job.Outcome) {
		o.StartedAt, o.EndedAt, o.ExecutionTime, o.Start, o.Progress = &now, now, 1.25, "warm", &job.Progress{Done: 1, Total: 2, Running: []string{}}
		started := now
		ref := claim()
		require.NoError(t, s.Advance(ctx, ref, store.Advance{StartedAt: &started, Start: "warm", Nodes: []store.NodeAt{{Position: 0, Node: job.Node{Name: "n", Status: "running", StartedAt: &started}}}}))
		_, err := s.Report(ctx, ref, o, store.Advance{Nodes: []store.NodeAt{{Position: 0, Node: job.Node{Name: "n", Status: "completed", StartedAt: &started, CompletedAt: &now, Seconds: ptr(0.5)}}}})
		require.NoError(t, err)
	}
	submit(func(j *job.Job) {
		j.UserID, j.SubmittedBy, j.RetryOf, j.ScheduleID = ptr("someone"), ptr("key"), ptr("another"), ptr("schedule")
		j.Labels, j.CallbackURL = map[string]string{"team": "x", "stage": "y"}, "http://h.example/hook"
		j.Options.Tags = []string{"t"}
	})
	report(job.Outcome{Status: job.Completed, Results: json.RawMessage(`{"outputs":[]}`), ExitCode: ptr(0), Warnings: []string{"w"}})
	for range 3 {
		submit(func(j *job.Job) { j.Queue.RetryOn, j.Queue.MaxAttempts = []job.Reason{job.Killed}, 1 })
		report(job.Outcome{Status: job.Failed, Reason: job.Killed, Message: "broken \x00 text \xff", ExitCode: ptr(1), Signal: "KILL"})
	}
	submit(func(j *job.Job) { j.Queue.RetryOn = []job.Reason{job.Killed} })
	report(job.Outcome{Status: job.Failed, Reason: job.Killed, Message: "again"}) // waits for its next try
	submit(nil)
	claim()
	_, err = s.LoseWorker(ctx, "worker")
	require.NoError(t, err)
	report(job.Outcome{Status: job.Completed})
	cancelled := submit(nil)
	claim()
	_, err = s.Update(ctx, cancelled.ID, func(j *job.Job) error { j.RequestCancel(now); return nil })
	require.NoError(t, err)
	_, err = s.LoseWorker(ctx, "worker")
	require.NoError(t, err)
	submit(func(j *job.Job) {
		j.Queue.RunAt, j.Queue.ExpiresAt, j.Queue.Priority = &later, ptr(later.Add(time.Hour)), 3
	})
	submit(func(j *job.Job) { j.Queue.ConcurrencyKey, j.Queue.ConcurrencyLimit = "k", 2 })
	submit(func(j *job.Job) { j.Queue.Requires = map[string]string{"gpu": "a"} })
	submit(func(j *job.Job) {
		j.Queue.Writes = &job.Writes{Queue: true, Files: []job.Write{{Dataset: "d", Path: "data/x"}}}
	})
	_, err = s.SubmitAll(ctx, []job.Job{submitted(101, now), submitted(102, now)}, &store.Idempotency{Key: "batch", Hash: "hash"})
	require.NoError(t, err)
	taken, err := s.TakeDeliveries(ctx, "h.example:80", time.Minute, 1)
	require.NoError(t, err)
	require.NoError(t, s.SaveDelivery(ctx, store.Attempted{ID: taken[0].ID, Attempt: 1, State: store.DeliveryFailed, Answer: 410, Error: "gone"}))
	told := submit(func(j *job.Job) { j.CallbackURL = "http://h.example/hook" })
	_, err = s.Update(ctx, told.ID, func(j *job.Job) error { j.RequestCancel(now); return nil })
	require.NoError(t, err)
	_, err = s.TakeDeliveries(ctx, "h.example:80", time.Minute, 1) // and is gone
	require.NoError(t, err)
	for _, state := range []store.WorkerState{store.WorkerReady, store.WorkerStopped} {
		require.NoError(t, s.SaveWorker(ctx, store.Worker{
			ID: "worker " + string(state), Host: "h", PID: 1 << 22, Version: "v", State: state, Slots: 2, Projects: []string{"proj"}, Labels: map[string]string{"gpu": "a"},
			StartedAt: now, Lease: time.Second, BootID: "b", PIDNamespace: "p",
		}))
	}
	_, err = s.RequestDrain(ctx, "worker ready")
	require.NoError(t, err)
	for _, name := range []string{"one", "two"} {
		require.NoError(t, s.AddKey(ctx, store.Key{
			ID: name, Name: name, Role: "runner", Prefix: name, Hash: []byte{0, 1, 255}, Projects: []string{"proj"}, CreatedAt: now, CreatedBy: ptr("x"), ExpiresAt: &later,
		}))
	}
	_, err = s.RevokeKey(ctx, "two", now)
	require.NoError(t, err)
	require.NoError(t, s.AddAudit(ctx, store.AuditEntry{At: now, Who: ptr("w"), KeyID: ptr("one"), Call: "c", Target: "t", Outcome: store.AuditDone, Address: "a", RequestID: "r"}))
	require.NoError(t, s.AddAudit(ctx, store.AuditEntry{At: now, Call: "c", Outcome: store.AuditRefused, Code: "forbidden", Address: "a", RequestID: "r", Suppressed: 9}))
	return dir
}

func submitted(n int, now time.Time) job.Job {
	return job.Job{
		ID: fmt.Sprintf("00000000-0000-7000-8000-%012d", n), Project: "other", Pipeline: "p", Status: job.Pending, CreatedAt: now,
		Queue: job.Queue{Timeout: time.Minute, MaxAttempts: 1},
	}
}
