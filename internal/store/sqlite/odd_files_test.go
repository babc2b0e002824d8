//go:build unix

package sqlite

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
)

// TestOddFilesToReadFrom: import and restore name what is no file, and wait for none.
func TestOddFilesToReadFrom(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(t.Context(), filepath.Join(dir, "jobs.db"), Options{})
	require.NoError(t, err)
	defer s.Close()
	pipe, text := filepath.Join(dir, "pipe"), filepath.Join(dir, "text")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	require.NoError(t, os.WriteFile(text, []byte("no database"), 0o600))
	for path, code := range map[string]fault.Code{pipe: fault.Invalid, dir: fault.Invalid, "/dev/zero": fault.Invalid, text: fault.Invalid, filepath.Join(dir, "none"): fault.NotFound} {
		_, err := s.Import(t.Context(), path, ImportOptions{Project: "p"})
		require.Equal(t, code, fault.CodeOf(err), "%s: %v", path, err)
		require.ErrorContains(t, err, path)
		aside, err := Restore(t.Context(), path, filepath.Join(dir, "new.db"), time.Now())
		require.Equal(t, code, fault.CodeOf(err), "%s: %v", path, err)
		require.ErrorContains(t, err, path)
		require.NotContains(t, err.Error(), "\n")
		require.Empty(t, aside)
		require.NoFileExists(t, filepath.Join(dir, "new.db"))
	}
}

// TestNobodyElseReadsJobs: whatever the umask and the folder's mode, as systemd makes
// /var/lib folders that all may enter. A file that is there keeps its mode.
func TestNobodyElseReadsJobs(t *testing.T) {
	old := syscall.Umask(0o022)
	defer syscall.Umask(old)
	dir := t.TempDir()
	path, backup := filepath.Join(dir, "jobs.db"), filepath.Join(dir, "backup.db")
	mode := func(path string) os.FileMode {
		info, err := os.Stat(path)
		require.NoError(t, err)
		return info.Mode().Perm()
	}
	s, err := Open(t.Context(), path, Options{})
	require.NoError(t, err)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		require.Equal(t, os.FileMode(0o600), mode(path+suffix), path+suffix)
	}
	require.NoError(t, Backup(t.Context(), path, backup))
	require.Equal(t, os.FileMode(0o600), mode(backup))
	require.NoError(t, s.Close())

	require.NoError(t, os.Chmod(path, 0o640)) // as an operator may want it
	s, err = Open(t.Context(), path, Options{})
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), mode(path))
	require.NoError(t, s.Close())
}
