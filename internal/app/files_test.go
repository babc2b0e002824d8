package app

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
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
