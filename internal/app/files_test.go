package app

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/sqlite"
)

// TestRestoreNeedsAStoppedService: who serves the folder is not robbed of its file.
func TestRestoreNeedsAStoppedService(t *testing.T) {
	dir := t.TempDir()
	data, backup := filepath.Join(dir, "data"), filepath.Join(dir, "backup.db")
	held, err := openFolder(t.Context(), data)
	require.NoError(t, err)
	s, err := sqlite.Open(t.Context(), filepath.Join(data, "jobs.db"), sqlite.Options{})
	require.NoError(t, err)
	require.NoError(t, Backup(t.Context(), data, backup))
	before, err := os.Stat(filepath.Join(data, "jobs.db"))
	require.NoError(t, err)

	_, err = Restore(t.Context(), data, backup)
	require.True(t, fault.Is(err, fault.Conflict), "%v", err)
	require.ErrorContains(t, err, "stop it")
	after, err := os.Stat(filepath.Join(data, "jobs.db"))
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after))

	require.NoError(t, s.Close())
	require.NoError(t, held.close())
	aside, err := Restore(t.Context(), data, backup)
	require.NoError(t, err)
	require.FileExists(t, aside)
	fresh := filepath.Join(dir, "fresh")
	aside, err = Restore(context.WithoutCancel(t.Context()), fresh, backup)
	require.NoError(t, err)
	require.Empty(t, aside)
	require.FileExists(t, filepath.Join(fresh, "jobs.db"))
}

// TestImportIsAudited, and leaves nothing waiting for a project that nobody serves.
func TestImportIsAudited(t *testing.T) {
	dir := t.TempDir()
	from := filepath.Join(dir, "old.db")
	old, err := sql.Open("sqlite", from)
	require.NoError(t, err)
	_, err = old.ExecContext(t.Context(), `CREATE TABLE jobs (id TEXT, pipeline_name TEXT, user_id TEXT, status TEXT, parameters TEXT, results TEXT, error_message TEXT,
		created_at TEXT, started_at TEXT, completed_at TEXT, execution_time REAL);
		INSERT INTO jobs (id, pipeline_name, status) VALUES ('one', 'sum', 'completed'), ('two', 'sum', 'pending')`)
	require.NoError(t, err)
	require.NoError(t, old.Close())
	project, err := filepath.Abs(filepath.Join("..", "..", "test", "projects", "minimal"))
	require.NoError(t, err)
	cfg := config.Config{DataDir: filepath.Join(dir, "data"), Projects: []config.Project{{Path: project}}}

	_, err = Import(t.Context(), cfg, os.Environ(), from, "nosuch", true)
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	require.ErrorContains(t, err, "there is: minimal")
	done, err := Import(t.Context(), cfg, os.Environ(), from, "minimal", true)
	require.NoError(t, err)
	require.Equal(t, sqlite.Imported{New: 2, Unfinished: 1}, done)

	s, err := sqlite.Open(t.Context(), filepath.Join(cfg.DataDir, "jobs.db"), sqlite.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	page, err := s.Audit(t.Context(), store.AuditFilter{Limit: 10})
	require.NoError(t, err)
	require.Len(t, page.Entries, 1)
	require.Equal(t, "import", page.Entries[0].Call)
	require.Equal(t, "old.db", page.Entries[0].Target)
	require.Contains(t, *page.Entries[0].Who, "local")
}
