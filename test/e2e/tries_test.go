package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
)

// TestTries: a run that fails is run again after its back-off, as often as was asked
// for, and only for the reasons that were.
func TestTries(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	two := 2
	twice := s.send(t, client.Submission{PipelineName: "fail", MaxAttempts: &two})
	once := s.send(t, client.Submission{PipelineName: "fail", MaxAttempts: &two, RetryOn: []string{"timeout"}})

	eventually(t, "it waits for its next try", func() bool {
		job := s.job(t, twice.ID)
		if job.NextTryAt == nil {
			return false
		}
		require.Equal(t, "pending", job.Status)
		require.Equal(t, "pipeline_error", text(job.Reason), "why the last one failed is told meanwhile")
		require.Equal(t, "Its next try is at "+job.NextTryAt.UTC().Format("2006-01-02T15:04:05.000000+00:00")+".", text(job.WaitingFor))
		return true
	})
	ended := s.end(t, twice.ID)
	require.Equal(t, "pipeline_error", text(ended.Reason), explain(ended))
	require.Equal(t, []int{2, 2}, []int{ended.Attempt, ended.Tries})
	require.Nil(t, ended.NextTryAt)
	attempts := s.attempts(t, twice.ID)
	require.Len(t, attempts, 2)
	require.Equal(t, "failed", attempts[0].Status)
	// The report comes a moment after the process's end.
	wait := attempts[1].ClaimedAt.Sub(attempts[0].CompletedAt.Time)
	require.GreaterOrEqual(t, wait, 2500*time.Millisecond, "half of the first back-off at least")

	ended = s.end(t, once.ID)
	require.Equal(t, "pipeline_error", text(ended.Reason))
	require.Len(t, s.attempts(t, once.ID), 1, "it is not in retry_on")
}
