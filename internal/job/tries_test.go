package job_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kedrod/kedrod/internal/job"
)

// TestBackoffIsWithinItsBounds: whatever the try and the jitter, the wait is between
// half of the doubled one and all of it, and never more than ten minutes.
func TestBackoffIsWithinItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tries := rapid.IntRange(1, job.MaxMaxAttempts).Draw(t, "tries")
		jitter := rapid.Float64Range(0, 0.9999999).Draw(t, "jitter")
		whole := 10 * time.Minute
		if tries <= 7 { // 5 s × 2^6 is 320 s, the next would be 640 s
			whole = 5 * time.Second << (tries - 1)
		}
		d := job.Backoff(tries, jitter)
		require.LessOrEqual(t, d, whole)
		require.GreaterOrEqual(t, d, whole/2)
		require.LessOrEqual(t, job.Backoff(tries, 0.9), job.Backoff(tries, 0.1), "more jitter is an earlier try")
	})
}

// TestNoTryAfterExpiry: a job that has expired meanwhile has no further try, and one that
// waits for it ends when its time is over.
func TestNoTryAfterExpiry(t *testing.T) {
	until := at(20)
	expiring := func(j *job.Job) { j.Queue.MaxAttempts, j.Queue.ExpiresAt = 5, &until }
	j, ref := claimed(t, expiring)
	require.NoError(t, j.Report(ref, failed(job.Killed), at(20), 0))
	require.Equal(t, job.Failed, j.Status)
	require.Equal(t, job.Killed, j.Reason, "how it ended is what is told, as it did run")
	require.Nil(t, j.NextTryAt)

	j, ref = claimed(t, expiring)
	require.NoError(t, j.Report(ref, failed(job.Killed), at(19), 0))
	require.Equal(t, job.Pending, j.Status)
	require.False(t, j.Expire(at(19)))
	require.True(t, j.Expire(at(20)), "before its next try, which is at 24")
	require.Equal(t, job.Expired, j.Reason)
	require.Nil(t, j.NextTryAt)
	require.Equal(t, 1, j.Tries)
}

// TestRecoveriesAreCountedOverAllAttempts: a try between them does not begin the count
// anew.
func TestRecoveriesAreCountedOverAllAttempts(t *testing.T) {
	j := pending(func(j *job.Job) { j.Queue.MaxRecoveries, j.Queue.MaxAttempts = 2, 9 })
	now := at(1)
	claim := func() job.Ref {
		now = now.Add(time.Hour)
		a, err := j.Claim("w", now)
		require.NoError(t, err)
		return job.Ref{JobID: a.JobID, Attempt: a.Number, Worker: a.Worker}
	}
	claim()
	require.True(t, j.Lose("w", now))
	require.NoError(t, j.Report(claim(), failed(job.Killed), now, 0))
	claim()
	require.True(t, j.Lose("w", now))
	require.Equal(t, job.Pending, j.Status)
	claim()
	require.True(t, j.Lose("w", now))
	require.Equal(t, job.Failed, j.Status)
	require.Equal(t, job.WorkerLost, j.Reason)
	require.Equal(t, []int{4, 1, 2}, []int{j.Attempt, j.Tries, j.Recoveries})
}
