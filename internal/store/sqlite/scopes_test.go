package sqlite_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/sqlite"
	"github.com/kedrod/kedrod/internal/store/storetest"
)

// crowd submits n jobs of one key that is busy, and gives the job that holds it.
func crowd(tb testing.TB, s *sqlite.Store, n int) job.Job {
	tb.Helper()
	keyed := func(i int) job.Job {
		j := newJob(fmt.Sprintf("crowd-%06d", i))
		j.CreatedAt = j.CreatedAt.Add(time.Duration(i) * time.Microsecond)
		j.Queue.ConcurrencyKey, j.Queue.ConcurrencyLimit = "db", 1
		return j
	}
	require.NoError(tb, failure(s.SubmitAll(tb.Context(), []job.Job{keyed(0)}, nil)))
	got, err := s.Claim(tb.Context(), claimOf(1))
	require.NoError(tb, err)
	require.Len(tb, got, 1)
	for done := 1; done <= n; {
		var batch []job.Job
		for ; len(batch) < 1000 && done <= n; done++ {
			batch = append(batch, keyed(done))
		}
		require.NoError(tb, failure(s.SubmitAll(tb.Context(), batch, nil)))
	}
	return got[0]
}

func claimOf(limit int) store.Claim {
	return store.Claim{Worker: "w", Limit: limit, Projects: []string{newJob("x").Project}, Limits: store.Limits{Projects: map[string]int{newJob("x").Project: 100}}}
}

// TestACrowdBehindABusyKey is not in the way of others, and goes on one by one.
func TestACrowdBehindABusyKey(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "jobs.db"), storetest.NewClock())
	defer func() { require.NoError(t, s.Close()) }()
	holder := crowd(t, s, 5000)
	inSight, err := s.InSight(t.Context())
	require.NoError(t, err)
	require.Zero(t, inSight)
	late := newJob("late")
	late.CreatedAt = late.CreatedAt.Add(time.Hour)
	require.NoError(t, failure(s.SubmitAll(t.Context(), []job.Job{late}, nil)))
	got, err := s.Claim(t.Context(), claimOf(10))
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, late.ID, got[0].ID)
	for i := 1; i < 4; i++ {
		_, err := s.Report(t.Context(), job.Ref{JobID: holder.ID, Attempt: 1, Worker: "w"}, job.Outcome{Status: job.Completed}, store.Advance{})
		require.NoError(t, err)
		inSight, err := s.InSight(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, inSight, "one slot brings up one job")
		got, err := s.Claim(t.Context(), claimOf(10))
		require.NoError(t, err)
		require.Len(t, got, 1)
		holder = got[0]
		require.Equal(t, fmt.Sprintf("crowd-%06d", i), holder.ID)
	}
}

// TestAClaimLetsOthersWrite however many jobs it has to park, and calls for the next one.
func TestAClaimLetsOthersWrite(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "jobs.db"), storetest.NewClock())
	defer func() { require.NoError(t, s.Close()) }()
	var jobs []job.Job
	for i := range 600 {
		jobs = append(jobs, newJob(fmt.Sprintf("job-%03d", i)))
	}
	require.NoError(t, failure(s.SubmitAll(t.Context(), jobs, nil)))
	wake, unsubscribe := s.Subscribe(store.TopicQueue)
	defer unsubscribe()
	claim := store.Claim{Worker: "w", Limit: 10, Projects: []string{"p"}, Limits: store.Limits{Projects: map[string]int{"p": 1}}}
	claimed, rounds := 0, 0
	for left := len(jobs); left > 0; rounds++ {
		got, err := s.Claim(t.Context(), claim)
		require.NoError(t, err)
		claimed += len(got)
		n, err := s.InSight(t.Context())
		require.NoError(t, err)
		require.Less(t, n, left)
		require.LessOrEqual(t, left-n, 300)
		if left = n; left > 0 {
			select {
			case <-wake:
			case <-time.After(10 * time.Second):
				require.FailNow(t, "nobody calls for the next claim")
			}
		}
	}
	require.Equal(t, 1, claimed)
	require.Equal(t, 3, rounds)
}

// TestAStartFindsRoomThatNobodyHandedOn, as when a program that knows no slots ended
// what ran: the first of a lane comes up, and each that is claimed brings the next.
func TestAStartFindsRoomThatNobodyHandedOn(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "jobs.db"), storetest.NewClock())
	defer func() { require.NoError(t, s.Close()) }()
	for i := range 6 {
		j := newJob(fmt.Sprint("job-", i))
		j.Queue.ConcurrencyKey, j.Queue.ConcurrencyLimit = "db", 3
		require.NoError(t, failure(s.SubmitAll(t.Context(), []job.Job{j}, nil)))
	}
	require.NoError(t, s.Write(t.Context(), func(exec func(string) error) error { return exec("UPDATE jobs SET parked_on = 'key:db'") }))
	got, err := s.Claim(t.Context(), claimOf(10))
	require.NoError(t, err)
	require.Empty(t, got)
	require.NoError(t, s.Reconsider(t.Context(), store.Limits{}))
	got, err = s.Claim(t.Context(), claimOf(10))
	require.NoError(t, err)
	require.Len(t, got, 3)
}

// failure is what a call of two results came to.
func failure(_ []job.Job, err error) error { return err }
