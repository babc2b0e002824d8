package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/storetest"
)

// TestWritesLeftByAnOlderBinary: it ends jobs and knows nothing of their files.
func TestWritesLeftByAnOlderBinary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := open(t, path, storetest.NewClock())
	for i, id := range []string{"first", "second", "third"} {
		j := newJob(id)
		j.CreatedAt = j.CreatedAt.Add(time.Duration(i) * time.Second)
		j.Queue.Writes = &job.Writes{Queue: true, Files: []job.Write{{Dataset: "d", Path: "x"}}}
		require.NoError(t, failure(s.SubmitAll(t.Context(), []job.Job{j}, nil)))
	}
	got, err := s.Claim(t.Context(), claimOf(9))
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.NoError(t, s.Close())

	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), `UPDATE jobs SET status = 'completed' WHERE id = 'first'`)
	require.NoError(t, err)
	require.NoError(t, db.Close())

	s = open(t, path, storetest.NewClock())
	defer func() { require.NoError(t, s.Close()) }()
	require.NoError(t, s.Reconsider(t.Context(), store.Limits{}))
	got, err = s.Claim(t.Context(), claimOf(9))
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, "second", got[0].ID)
}
