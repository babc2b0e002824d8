package app

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kedrod/kedrod/internal/fault"
)

// TestAFolderThatCannotBeWritten is named, with what to do. For root, whom no mode
// stops, it lies on a disk that is mounted read-only.
func TestAFolderThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	if unix.Mount("none", dir, "tmpfs", unix.MS_RDONLY, "size=1m") == nil {
		t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	} else {
		require.NoError(t, os.Chmod(dir, 0o500))
		t.Cleanup(func() { require.NoError(t, os.Chmod(dir, 0o700)) })
	}
	for _, data := range []string{dir, filepath.Join(dir, "new")} {
		_, err := openFolder(t.Context(), data)
		require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
		require.ErrorContains(t, err, data)
		require.ErrorContains(t, err, "--data-dir")
	}
}
