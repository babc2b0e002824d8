package worker_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/executor"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/rundir"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/sqlite"
)

// faulty is the store with a fault in its reports.
type faulty struct {
	*sqlite.Store
	report  func(ref job.Ref) error
	advance func(ref job.Ref) error

	cancelAtClaim bool // a cancel comes between the claim and the start
}

func (f *faulty) Claim(ctx context.Context, c store.Claim) ([]job.Job, error) {
	jobs, err := f.Store.Claim(ctx, c)
	for i := range jobs {
		if f.cancelAtClaim && err == nil {
			jobs[i], err = f.Update(ctx, jobs[i].ID, func(j *job.Job) error { j.RequestCancel(time.Now()); return nil })
		}
	}
	return jobs, err
}

func (f *faulty) Report(ctx context.Context, ref job.Ref, o job.Outcome, last store.Advance) (job.Job, error) {
	if err := f.report(ref); err != nil {
		return job.Job{}, err
	}
	return f.Store.Report(ctx, ref, o, last)
}

func (f *faulty) Advance(ctx context.Context, ref job.Ref, a store.Advance) error {
	if f.advance != nil {
		if err := f.advance(ref); err != nil {
			return err
		}
	}
	return f.Store.Advance(ctx, ref, a)
}

// TestOutcomeIsOnDiskBeforeItIsReported is invariant 8.
func TestOutcomeIsOnDiskBeforeItIsReported(t *testing.T) {
	r := newRig(t)
	var seen atomic.Int32
	r.store = &faulty{Store: r.db, report: func(ref job.Ref) error {
		rec, ok, err := r.runs.Attempt(ref.JobID, ref.Attempt).ReadOutcome()
		if err == nil && ok && rec.Ref == ref && rec.Outcome.Status == job.Completed {
			seen.Add(1)
		}
		return nil
	}}
	r.start()
	r.ended(r.submit("ok", nil).ID)
	require.EqualValues(t, 1, seen.Load())
}

// TestAnAttemptCancelledBeforeItStartsHasItsOutcomeOnDisk: there is no folder yet.
func TestAnAttemptCancelledBeforeItStartsHasItsOutcomeOnDisk(t *testing.T) {
	r := newRig(t)
	var seen atomic.Int32
	r.store = &faulty{Store: r.db, cancelAtClaim: true, report: func(ref job.Ref) error {
		if rec, ok, err := r.runs.Attempt(ref.JobID, ref.Attempt).ReadOutcome(); err == nil && ok && rec.Outcome.Status == job.Cancelled {
			seen.Add(1)
		}
		return nil
	}}
	r.start()
	require.Equal(t, job.Cancelled, r.ended(r.submit("ok", nil).ID).Status)
	require.EqualValues(t, 1, seen.Load())
}

func TestAReportIsRepeatedUntilTheStoreHasIt(t *testing.T) {
	r := newRig(t)
	var calls atomic.Int32
	r.store = &faulty{Store: r.db, report: func(job.Ref) error {
		if calls.Add(1) <= 3 {
			return errors.New("disk full")
		}
		return nil
	}}
	r.start()
	require.Equal(t, job.Completed, r.ended(r.submit("ok", nil).ID).Status)
	require.EqualValues(t, 4, calls.Load())
}

func TestAnAttemptThatNoLongerStandsLosesItsRun(t *testing.T) {
	r := newRig(t)
	fenced := make(chan struct{})
	r.store = &faulty{Store: r.db, report: func(job.Ref) error { return errors.New("not reported at all") }, advance: func(job.Ref) error {
		select {
		case <-fenced:
			return job.ErrFenced
		default:
			return errors.New("not now") // so that it is told again
		}
	}}
	r.opts.Grace = executor.Grace{Int: time.Hour}
	r.start()
	j := r.submit("stubborn", nil)
	r.begun(j.ID, 1)
	close(fenced)
	require.Eventually(t, func() bool { return len(r.alive()) == 0 }, 20*time.Second, 10*time.Millisecond)
	require.Equal(t, job.Running, r.get(j.ID).Status, "it is not ours to report")
}

func TestRecoverReportsWhatWasFoundAndRunsTheRestAgain(t *testing.T) {
	r := newRig(t)
	told, lost := r.submit("ok", nil), r.submit("ok", nil)
	jobs, err := r.db.Claim(t.Context(), store.Claim{Worker: "dead", Limit: 2, Projects: []string{"proj"}})
	require.NoError(t, err)
	require.Len(t, jobs, 2)
	dir := r.runs.Attempt(told.ID, 1)
	require.NoError(t, dir.Make())
	require.NoError(t, dir.WriteOutcome(rundir.Record{
		Ref:     job.Ref{JobID: told.ID, Attempt: 1, Worker: "dead"},
		Outcome: job.Outcome{Status: job.Failed, Reason: job.PipelineError, Message: "ValueError: before the end", EndedAt: time.Now()},
	}))
	r.start()
	got := r.ended(told.ID)
	require.Equal(t, "ValueError: before the end", *got.ErrorMessage)
	require.Equal(t, 1, got.Attempt, "it is not run again")
	got = r.ended(lost.ID)
	require.Equal(t, job.Completed, got.Status)
	require.Equal(t, 2, got.Attempt)
	require.Equal(t, 1, got.Recoveries)
}

func TestAFaultOfThisMachineLosesNothing(t *testing.T) {
	r := newRig(t)
	blocked := filepath.Join(r.dir, "runs")
	require.NoError(t, os.WriteFile(blocked, nil, 0o600)) // no folder can be made
	r.start()
	j := r.submit("ok", nil)
	require.Eventually(t, func() bool { return r.get(j.ID).Attempt >= 2 }, 20*time.Second, 10*time.Millisecond, "it is tried again")
	require.NoError(t, os.Remove(blocked))
	got := r.ended(j.ID)
	require.Equal(t, job.Completed, got.Status)
	require.Zero(t, got.Tries+got.Recoveries)
}
