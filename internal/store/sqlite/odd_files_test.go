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
