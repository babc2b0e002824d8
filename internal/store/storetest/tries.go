package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// expiryBetweenTries: a job that waits for its next try expires there, by the sweep and
// by a claim alike, and is never run again.
func (s *suite) expiryBetweenTries() {
	for _, sweep := range []bool{true, false} {
		until := s.clock.Now().Add(30 * time.Second)
		run, ref := s.running("w", func(j *job.Job) { j.Queue.MaxAttempts, j.Queue.ExpiresAt = 9, &until })
		s.clock.Add(until.Sub(s.clock.Now()) - 2*time.Second)
		got, err := s.Report(s.ctx(), ref, s.failed(job.Timeout), store.Advance{})
		require.NoError(s.t, err)
		require.Equal(s.t, job.Pending, got.Status)
		require.True(s.t, got.NextTryAt.After(until))
		s.clock.Add(time.Hour)
		if sweep {
			require.NoError(s.t, s.ExpireDue(s.ctx()))
		} else {
			require.Empty(s.t, s.claim("w", 10))
		}
		got = s.get(run.ID)
		require.Equal(s.t, job.Failed, got.Status)
		require.Equal(s.t, job.Expired, got.Reason)
		require.Nil(s.t, got.NextTryAt)
		require.Equal(s.t, 1, got.Attempt)
		require.Empty(s.t, s.claim("w", 10))
		next, err := s.NextReady(s.ctx())
		require.NoError(s.t, err)
		require.Nil(s.t, next, "nobody wakes for it any more")
	}
}

// recoveryBound: as many recoveries as were asked for, each at once, and no more.
func (s *suite) recoveryBound() {
	run := s.submit(func(j *job.Job) { j.Queue.MaxRecoveries = 2 })
	for n := range 3 {
		got := s.claim("w", 1)
		require.Len(s.t, got, 1, "a recovery waits for nothing")
		require.Equal(s.t, n+1, got[0].Attempt)
		lost, err := s.LoseWorker(s.ctx(), "w")
		require.NoError(s.t, err)
		require.Len(s.t, lost, 1)
	}
	got := s.get(run.ID)
	require.Equal(s.t, job.Failed, got.Status)
	require.Equal(s.t, job.WorkerLost, got.Reason)
	require.Equal(s.t, []int{3, 2, 0}, []int{got.Attempt, got.Recoveries, got.Tries})
	require.Empty(s.t, s.claim("w", 1))
	attempts, err := s.Attempts(s.ctx(), run.ID)
	require.NoError(s.t, err)
	require.Len(s.t, attempts, 3)
	for _, a := range attempts {
		require.Equal(s.t, job.AttemptLost, a.Status)
	}
}
