package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/sqlite"
	"github.com/kedrod/kedrod/internal/store/storetest"
)

// TestTriesAreSpread: the store's chance reaches the back-off, and by itself it has one,
// so that jobs that failed together do not come back together.
func TestTriesAreSpread(t *testing.T) {
	nextTries := func(o sqlite.Options) (waits []time.Duration) {
		clock := storetest.NewClock()
		o.Now = clock.Now
		s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "jobs.db"), o)
		require.NoError(t, err)
		defer func() { require.NoError(t, s.Close()) }()
		for _, id := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			j := newJob(id)
			j.Queue.MaxAttempts = 2
			_, _, err := s.Submit(t.Context(), j, nil)
			require.NoError(t, err)
		}
		jobs, err := s.Claim(t.Context(), store.Claim{Worker: "w", Limit: 10, Projects: []string{"p"}})
		require.NoError(t, err)
		for i := range jobs {
			ref := job.Ref{JobID: jobs[i].ID, Attempt: 1, Worker: "w"}
			got, err := s.Report(t.Context(), ref, job.Outcome{Status: job.Failed, Reason: job.Killed, EndedAt: clock.Now()}, store.Advance{})
			require.NoError(t, err)
			waits = append(waits, got.NextTryAt.Sub(clock.Now()))
		}
		return waits
	}
	for _, d := range nextTries(sqlite.Options{Rand: func() float64 { return 0.5 }}) {
		require.Equal(t, 3750*time.Millisecond, d)
	}
	different := map[time.Duration]bool{}
	for _, d := range nextTries(sqlite.Options{}) {
		require.GreaterOrEqual(t, d, 2500*time.Millisecond)
		require.LessOrEqual(t, d, 5*time.Second)
		different[d] = true
	}
	require.Greater(t, len(different), 1)
}
