package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/storetest"
	"github.com/kedrod/kedrod/test/pgtest"
)

// TestWritesLeftByAnOlderBinary: it ends jobs and knows nothing of their files.
func TestWritesLeftByAnOlderBinary(t *testing.T) {
	url, clock := pgtest.Database(t), storetest.NewClock()
	s := open(t, url, clock)
	claim := func() []job.Job {
		got, err := s.Claim(t.Context(), store.Claim{Worker: "w", Limit: 9, Projects: []string{"p"}})
		require.NoError(t, err)
		return got
	}
	for _, id := range []string{"first", "second", "third"} {
		_, _, err := s.Submit(t.Context(), job.Job{ID: id, Project: "p", Pipeline: "x", Status: job.Pending, CreatedAt: clock.Now(), Queue: job.Queue{
			MaxAttempts: 1, Writes: &job.Writes{Queue: true, Files: []job.Write{{Dataset: "d", Path: "x"}}},
		}}, nil)
		require.NoError(t, err)
	}
	require.Len(t, claim(), 1)
	execute(t, url, `UPDATE jobs SET status = 'completed' WHERE id = 'first'`)
	require.NoError(t, s.Reconsider(t.Context(), store.Limits{}))
	got := claim()
	require.Len(t, got, 1)
	require.Equal(t, "second", got[0].ID)
}
