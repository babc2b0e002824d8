package job_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
)

func at(seconds int) time.Time { return time.Date(2026, 1, 1, 0, 0, seconds, 0, time.UTC) }

func pending(change func(*job.Job)) job.Job {
	j := job.Job{
		ID: "j", Pipeline: "p", Status: job.Pending, CreatedAt: at(0),
		Queue: job.Queue{Timeout: time.Minute, MaxAttempts: 1, MaxRecoveries: 3},
	}
	if change != nil {
		change(&j)
	}
	return j
}

func claimed(t *testing.T, change func(*job.Job)) (job.Job, job.Ref) {
	t.Helper()
	j := pending(change)
	a, err := j.Claim("w", at(1))
	require.NoError(t, err)
	return j, job.Ref{JobID: a.JobID, Attempt: a.Number, Worker: a.Worker}
}

func failed(r job.Reason) job.Outcome {
	return job.Outcome{Status: job.Failed, Reason: r, Message: "why", EndedAt: at(5), ExecutionTime: 4}
}

func TestClaimIsOfDueAndPendingJobsOnly(t *testing.T) {
	later, past := at(100), at(1)
	for name, change := range map[string]func(*job.Job){
		"its time has not come":     func(j *job.Job) { j.Queue.RunAt = &later },
		"its next try has not come": func(j *job.Job) { j.NextTryAt = &later },
		"expired":                   func(j *job.Job) { j.Queue.ExpiresAt = &past },
		"running":                   func(j *job.Job) { j.Status = job.Running },
		"ended":                     func(j *job.Job) { j.Status = job.Failed },
	} {
		j := pending(change)
		before := j
		_, err := j.Claim("w", at(2))
		require.ErrorIs(t, err, job.ErrNotClaimable, name)
		require.Equal(t, before, j, name)
	}
	j := pending(nil)
	j.CreatedAt = at(50) // the clock was set back since
	_, err := j.Claim("w", at(2))
	require.NoError(t, err)
}

func TestReportOfAnotherAttemptOrWorkerIsFenced(t *testing.T) {
	j, ref := claimed(t, nil)
	for _, wrong := range []job.Ref{{JobID: "j", Attempt: 2, Worker: "w"}, {JobID: "j", Attempt: 1, Worker: "other"}, {JobID: "j"}} {
		before := j
		require.ErrorIs(t, j.Report(wrong, job.Outcome{Status: job.Completed}, at(9), 0), job.ErrFenced)
		require.ErrorIs(t, j.Advance(wrong, nil, "", &job.Progress{}), job.ErrFenced)
		require.ErrorIs(t, j.GiveBack(wrong, at(9)), job.ErrFenced)
		require.Equal(t, before, j)
	}
	require.NoError(t, j.Report(ref, job.Outcome{Status: job.Completed, EndedAt: at(9)}, at(9), 0))
	require.Equal(t, job.Completed, j.Status)
}

func TestRepeatedReportSucceedsAndCountsOnce(t *testing.T) {
	j, ref := claimed(t, func(j *job.Job) { j.Queue.MaxAttempts = 3 })
	require.NoError(t, j.Report(ref, failed(job.Killed), at(5), 0))
	require.Equal(t, 1, j.Tries)
	require.Equal(t, job.Pending, j.Status)
	before := j
	require.NoError(t, j.Report(ref, failed(job.Killed), at(6), 0))
	require.Equal(t, before, j)
	require.ErrorIs(t, j.Report(ref, job.Outcome{Status: job.Completed}, at(6), 0), job.ErrFenced)
	require.Equal(t, before, j)
}

func TestLateReportCountsWhileTheAttemptIsTheLast(t *testing.T) {
	j, ref := claimed(t, nil)
	require.True(t, j.Lose("w", at(3)))
	require.Equal(t, job.Pending, j.Status)
	require.NoError(t, j.Report(ref, job.Outcome{Status: job.Completed, EndedAt: at(4)}, at(9), 0))
	require.Equal(t, job.Completed, j.Status)

	j, ref = claimed(t, nil)
	j.Lose("w", at(3))
	_, err := j.Claim("w2", at(4))
	require.NoError(t, err)
	require.ErrorIs(t, j.Report(ref, job.Outcome{Status: job.Completed}, at(9), 0), job.ErrFenced)
	require.Equal(t, job.Running, j.Status)
}

func TestTriesAreTheRunsOwnFaultOnly(t *testing.T) {
	three := func(j *job.Job) { j.Queue.MaxAttempts = 3 }
	for _, r := range job.Reasons() {
		j, ref := claimed(t, three)
		require.NoError(t, j.Report(ref, failed(r), at(5), 0))
		if r.Retryable() {
			require.Equal(t, job.Pending, j.Status, r)
			require.Equal(t, 1, j.Tries, r)
			require.Equal(t, at(10), *j.NextTryAt, r)
			require.Equal(t, r, j.Reason)
		} else {
			require.Equal(t, job.Failed, j.Status, r)
			require.Zero(t, j.Tries, r)
		}
	}
	j, ref := claimed(t, func(j *job.Job) { three(j); j.Queue.RetryOn = []job.Reason{job.Timeout} })
	require.NoError(t, j.Report(ref, failed(job.Killed), at(5), 0))
	require.Equal(t, job.Failed, j.Status, "killed is not in retry_on")

	j, ref = claimed(t, three)
	j.RequestCancel(at(2))
	require.NoError(t, j.Report(ref, failed(job.Killed), at(5), 0))
	require.Equal(t, job.Cancelled, j.Status, "a job whose cancel was asked for has no further try")
}

func TestLostWorker(t *testing.T) {
	for _, c := range []struct {
		name       string
		recoveries int
		max        int
		cancel     bool
		want       job.Status
		reason     job.Reason
	}{
		{"runs again", 2, 3, false, job.Pending, ""},
		{"too often", 3, 3, false, job.Failed, job.WorkerLost},
		{"never again", 0, 0, false, job.Failed, job.WorkerLost},
		{"its cancel was asked for", 0, 3, true, job.Cancelled, ""},
	} {
		j, _ := claimed(t, func(j *job.Job) { j.Recoveries, j.Queue.MaxRecoveries = c.recoveries, c.max })
		if c.cancel {
			j.RequestCancel(at(2))
		}
		require.False(t, j.Lose("other", at(3)), c.name)
		require.True(t, j.Lose("w", at(3)), c.name)
		require.Equal(t, c.want, j.Status, c.name)
		require.Equal(t, c.reason, j.Reason, c.name)
		require.Zero(t, j.Tries, c.name)
	}
}

func TestGiveBackCostsNothing(t *testing.T) {
	j, ref := claimed(t, nil)
	require.NoError(t, j.GiveBack(ref, at(3)))
	require.Equal(t, job.Pending, j.Status)
	require.Zero(t, j.Tries+j.Recoveries)
	require.ErrorIs(t, j.Report(ref, job.Outcome{Status: job.Completed}, at(4), 0), job.ErrFenced, "what was given back has no outcome")
	_, err := j.Claim("w", at(5))
	require.NoError(t, err)
	require.Equal(t, 2, j.Attempt, "the fencing number grows all the same")
}

func TestCancel(t *testing.T) {
	j := pending(nil)
	require.True(t, j.RequestCancel(at(2)))
	require.Equal(t, job.Cancelled, j.Status)
	require.False(t, j.RequestCancel(at(3)))

	j, ref := claimed(t, nil)
	require.True(t, j.RequestCancel(at(2)))
	require.False(t, j.RequestCancel(at(3)))
	require.Equal(t, job.Running, j.Status, "cancelled is said once the last process is gone")
	require.Equal(t, at(2), *j.CancelRequestedAt)
	require.NoError(t, j.Report(ref, job.Outcome{Status: job.Cancelled, EndedAt: at(6)}, at(6), 0))
	require.Equal(t, job.Cancelled, j.Status)
	require.Equal(t, at(6), *j.CompletedAt)
}

func TestBackoffDoublesToItsBound(t *testing.T) {
	require.Equal(t, 5*time.Second, job.Backoff(1, 0))
	require.Equal(t, 20*time.Second, job.Backoff(3, 0))
	require.Equal(t, 10*time.Minute, job.Backoff(99, 0))
	require.Equal(t, 2500*time.Millisecond, job.Backoff(1, 1))
}

func TestOrderIsTimeLessHeadStart(t *testing.T) {
	early, late := pending(nil), pending(func(j *job.Job) { j.CreatedAt = at(30) })
	require.Less(t, early.OrderKey(), late.OrderKey())
	late.Queue.Priority = 1
	require.Less(t, late.OrderKey(), early.OrderKey(), "ten minutes' head start")
	late.CreatedAt = at(0).Add(10*time.Minute + time.Second)
	require.Less(t, early.OrderKey(), late.OrderKey(), "and no more: nothing starves")
}

func TestTimeOnTheWire(t *testing.T) {
	moment := time.Date(2026, 11, 25, 2, 20, 16, 340_000_000, time.FixedZone("", 3600))
	require.Equal(t, "2026-11-25T01:20:16.340000+00:00", job.FormatTime(moment))
	back, err := job.ParseTime("2026-11-25T02:20:16.3400009+01:00")
	require.NoError(t, err)
	require.Equal(t, job.Truncate(moment), back)
}
