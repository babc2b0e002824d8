package worker_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/executor"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/rundir"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/worker"
)

// TestRecoveringFromOneWorkerTouchesNoOther: others on the same store may live, whatever is known of them here.
func TestRecoveringFromOneWorkerTouchesNoOther(t *testing.T) {
	r := newRig(t)
	exec, err := executor.New(t.Context(), executor.Options{WorkerID: r.opts.Self.ID})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, exec.Close(context.WithoutCancel(t.Context()))) })
	o := r.opts
	o.Store, o.Starter = r.store, exec
	w := worker.New(o)
	claimed := func(by string) job.Job {
		require.NoError(t, r.db.SaveWorker(t.Context(), store.Worker{ID: by, State: store.WorkerReady, Slots: 9, StartedAt: time.Now(), SeenAt: time.Now()}))
		r.submit("ok", nil)
		jobs, err := r.db.Claim(t.Context(), store.Claim{Worker: by, Limit: 1, Projects: []string{"proj"}})
		require.NoError(t, err)
		require.Len(t, jobs, 1)
		return jobs[0]
	}
	told := func(j *job.Job, by string) {
		dir := r.runs.Attempt(j.ID, 1)
		require.NoError(t, dir.Make())
		require.NoError(t, dir.WriteOutcome(rundir.Record{
			Ref:     job.Ref{JobID: j.ID, Attempt: 1, Worker: by},
			Outcome: job.Outcome{Status: job.Completed, EndedAt: time.Now()},
		}))
	}
	aTold, aLost := claimed("a"), claimed("a")
	bTold, bHeld := claimed("b"), claimed("b")
	told(&aTold, "a")
	told(&bTold, "b")

	require.NoError(t, w.RecoverFrom(t.Context(), "a"))
	require.Equal(t, job.Completed, r.get(aTold.ID).Status)
	require.Equal(t, job.Pending, r.get(aLost.ID).Status)
	require.Equal(t, job.Running, r.get(bTold.ID).Status)
	require.Equal(t, job.Running, r.get(bHeld.ID).Status)

	over, err := w.ReportLeft(t.Context(), "b")
	require.NoError(t, err)
	require.False(t, over, "its lease decides about the rest")
	require.Equal(t, job.Completed, r.get(bTold.ID).Status, "what is known to have ended has ended")
	require.Equal(t, job.Running, r.get(bHeld.ID).Status)
	over, err = w.ReportLeft(t.Context(), "a")
	require.NoError(t, err)
	require.True(t, over)
}
