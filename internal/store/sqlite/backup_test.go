package sqlite_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/sqlite"
	"github.com/kedrod/kedrod/internal/store/storetest"
)

func execOn(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for _, q := range statements {
		_, err := db.ExecContext(t.Context(), q)
		require.NoError(t, err, q)
	}
}

// TestBackupWhileJobsCome: the backup holds what was accepted before it, and works.
func TestBackupWhileJobsCome(t *testing.T) {
	dir := t.TempDir()
	path, file := filepath.Join(dir, "jobs.db"), filepath.Join(dir, "backup.db")
	s := open(t, path, storetest.NewClock())
	for i := range 300 {
		_, _, err := s.Submit(t.Context(), newJob(fmt.Sprintf("before-%d", i)), nil)
		require.NoError(t, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	writers.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			_, _, _ = s.Submit(ctx, newJob(fmt.Sprintf("meanwhile-%d", i)), nil) // ends with ctx
		}
	})
	require.NoError(t, sqlite.Backup(t.Context(), path, file))
	stop()
	writers.Wait()
	err := sqlite.Backup(t.Context(), path, file)
	require.True(t, fault.Is(err, fault.Conflict), "it overwrites nothing: %v", err)
	total, err := s.CountJobs(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Close())

	aside, err := sqlite.Restore(t.Context(), file, path, time.Unix(0, 0))
	require.NoError(t, err)
	s = open(t, path, storetest.NewClock())
	got, err := s.CountJobs(t.Context())
	require.NoError(t, err)
	require.GreaterOrEqual(t, got, 300)
	_, err = s.Get(t.Context(), "before-299")
	require.NoError(t, err)
	_, _, err = s.Submit(t.Context(), newJob("after"), nil)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	s = open(t, aside, storetest.NewClock())
	old, err := s.CountJobs(t.Context())
	require.NoError(t, err)
	require.GreaterOrEqual(t, old, total, "what was there is all there, aside")
	require.NoError(t, s.Close())
}

func TestNoRestoreFromWhatIsNoBackup(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "jobs.db")
	require.NoError(t, open(t, path, storetest.NewClock()).Close())
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	text, empty, cut := filepath.Join(dir, "text"), filepath.Join(dir, "empty"), filepath.Join(dir, "cut")
	require.NoError(t, os.WriteFile(text, []byte("no database at all, but long enough to be one"), 0o600))
	execOn(t, empty, "CREATE TABLE x (y)")
	require.NoError(t, os.WriteFile(cut, before[:len(before)/2/4096*4096], 0o600))
	for _, from := range []string{text, empty, cut, filepath.Join(dir, "absent")} {
		_, err := sqlite.Restore(t.Context(), from, path, time.Now())
		require.Error(t, err, from)
		require.NotEmpty(t, fault.CodeOf(err), from)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, before, after, from)
	}
}

// TestSchemas: a file of a later minor version works, one of a later major is refused
// and left alone, and an older one is brought up to date.
func TestSchemas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := open(t, path, storetest.NewClock())
	_, _, err := s.Submit(t.Context(), newJob("one"), nil)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	execOn(t, path, "ALTER TABLE jobs ADD COLUMN of_the_future TEXT", "CREATE TABLE of_the_future (x)",
		"INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)")
	s = open(t, path, storetest.NewClock())
	_, _, err = s.Submit(t.Context(), newJob("two"), nil)
	require.NoError(t, err)
	page, err := s.List(t.Context(), store.Filter{Limit: 10})
	require.NoError(t, err)
	require.Len(t, page.Jobs, 2)
	require.NoError(t, s.Close())

	execOn(t, path, "PRAGMA user_version = 2")
	_, err = sqlite.Open(t.Context(), path, sqlite.Options{})
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	require.ErrorContains(t, err, "later major version")
	execOn(t, path, "PRAGMA user_version = 1")
	require.NoError(t, open(t, path, storetest.NewClock()).Close())
}

// TestTheFirstSchemaIsBroughtUpToDate opens a file as the first version left it.
func TestTheFirstSchemaIsBroughtUpToDate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	text, err := os.ReadFile("testdata/schema-1.sql")
	require.NoError(t, err)
	execOn(t, path, string(text))
	s := open(t, path, storetest.NewClock())
	defer func() { require.NoError(t, s.Close()) }()
	j, err := s.Get(t.Context(), "one")
	require.NoError(t, err)
	require.Equal(t, job.Completed, j.Status)
	page, err := s.List(t.Context(), store.Filter{Limit: 10, UserIDs: []string{"ann"}})
	require.NoError(t, err)
	require.Len(t, page.Jobs, 1)
	_, _, err = s.Submit(t.Context(), newJob("two"), nil)
	require.NoError(t, err)
}

func TestImport(t *testing.T) {
	dir := t.TempDir()
	old := filepath.Join(dir, "old.db")
	text, err := os.ReadFile("testdata/old-stack.sql")
	require.NoError(t, err)
	execOn(t, old, string(text))
	before, err := os.ReadFile(old)
	require.NoError(t, err)
	s := open(t, filepath.Join(dir, "jobs.db"), storetest.NewClock())
	defer func() { require.NoError(t, s.Close()) }()
	done, err := s.Import(t.Context(), old, sqlite.ImportOptions{Project: "sales"})
	require.NoError(t, err)
	require.Equal(t, sqlite.Imported{New: 5, Unfinished: 2, Skipped: 1}, done)
	a, err := s.Get(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, "2025-10-09T08:53:20.250000+00:00", job.FormatTime(a.CreatedAt))
	require.Equal(t, "2025-10-09T08:53:21.500000+00:00", job.FormatTime(*a.StartedAt))
	require.JSONEq(t, `{"x": 1}`, string(a.Parameters))
	require.JSONEq(t, `{"ok": true}`, string(a.Results))
	require.Equal(t, "sales", a.Project)
	b, err := s.Get(t.Context(), "b")
	require.NoError(t, err)
	require.Equal(t, "ValueError: no", *b.ErrorMessage)
	for _, id := range []string{"c", "d"} {
		j, err := s.Get(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, job.Failed, j.Status)
		require.Equal(t, job.WorkerLost, j.Reason)
	}
	claimed, err := s.Claim(t.Context(), store.Claim{Worker: "w", Limit: 10, Projects: []string{"sales"}})
	require.NoError(t, err)
	require.Empty(t, claimed)

	done, err = s.Import(t.Context(), old, sqlite.ImportOptions{Project: "sales", Resubmit: true})
	require.NoError(t, err)
	require.Equal(t, sqlite.Imported{Known: 5, Skipped: 1}, done, "again doubles and changes nothing")
	after, err := os.ReadFile(old)
	require.NoError(t, err)
	require.Equal(t, before, after, "the file is read only")

	other := open(t, filepath.Join(dir, "other.db"), storetest.NewClock())
	defer func() { require.NoError(t, other.Close()) }()
	_, err = other.Import(t.Context(), old, sqlite.ImportOptions{Project: "sales", Resubmit: true})
	require.NoError(t, err)
	claimed, err = other.Claim(t.Context(), store.Claim{Worker: "w", Limit: 10, Projects: []string{"sales"}})
	require.NoError(t, err)
	require.Len(t, claimed, 2)
	strange := filepath.Join(dir, "strange.db")
	execOn(t, strange, "CREATE TABLE x (y)")
	_, err = s.Import(t.Context(), strange, sqlite.ImportOptions{Project: "sales"})
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
}
