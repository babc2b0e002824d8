package sqlite_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/sqlite"
	"github.com/kedrod/kedrod/internal/store/storetest"
)

// damaged makes a file with jobs and writes garbage over a part of it.
func damaged(t *testing.T, from, to int) (path string, bytes []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "jobs.db")
	s := open(t, path, storetest.NewClock())
	for i := range 500 {
		_, _, err := s.Submit(t.Context(), newJob(fmt.Sprintf("job-%d", i)), nil)
		require.NoError(t, err)
	}
	require.NoError(t, s.Close())
	bytes, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := from; i < min(to, len(bytes)); i++ {
		bytes[i] = byte(i*7 + 3)
	}
	require.NoError(t, os.WriteFile(path, bytes, 0o600))
	return path, bytes
}

// TestADamagedFileIsNamedAndLeftAlone: whoever mends it needs it as it is.
func TestADamagedFileIsNamedAndLeftAlone(t *testing.T) {
	path, before := damaged(t, 0, 4096)
	_, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	require.ErrorContains(t, err, path)
	require.ErrorContains(t, err, "restore a backup")
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)
}

// TestDamageFoundWhileRunning is told as such, by reads and by writes; the process
// lives on, and what lies elsewhere in the file can be read.
func TestDamageFoundWhileRunning(t *testing.T) {
	path, _ := damaged(t, 40*4096, 1<<30)
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err == nil {
		defer func() { require.NoError(t, s.Close()) }()
		_, err = s.List(t.Context(), store.Filter{Limit: 500})
		require.Error(t, err)
		_, werr := s.Claim(t.Context(), store.Claim{Worker: "w", Limit: 500, Projects: []string{"p"}})
		require.True(t, fault.Is(werr, fault.Unavailable), "%v", werr)
	}
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	require.ErrorContains(t, err, "restore a backup")
	require.FileExists(t, path)
}

// TestAFileThatAnotherProgramHolds is told at the start, and does no harm while running.
func TestAFileThatAnotherProgramHolds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := open(t, path, storetest.NewClock())
	defer func() { require.NoError(t, s.Close()) }()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(t.Context(), "BEGIN EXCLUSIVE")
	require.NoError(t, err)

	begun := time.Now()
	_, _, err = s.Submit(t.Context(), newJob("refused"), nil)
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	require.ErrorContains(t, err, "another program holds jobs.db locked")
	require.Less(t, time.Since(begun), 30*time.Second, "an answer comes in bounded time")
	_, err = s.List(t.Context(), store.Filter{Limit: 1})
	require.NoError(t, err, "reading goes on")

	_, err = db.ExecContext(t.Context(), "ROLLBACK")
	require.NoError(t, err)
	_, _, err = s.Submit(t.Context(), newJob("accepted"), nil)
	require.NoError(t, err, "it goes on by itself")
	_, err = s.Get(t.Context(), "refused")
	require.True(t, fault.Is(err, fault.NotFound), "what was refused is not there: %v", err)
}
