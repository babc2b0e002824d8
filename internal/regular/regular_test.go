//go:build unix

package regular_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/regular"
)

func TestOnlyRegularFilesAreOpened(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	require.NoError(t, os.WriteFile(path("file"), []byte("long content"), 0o600))
	require.NoError(t, os.Symlink(path("file"), path("link")))
	require.NoError(t, syscall.Mkfifo(path("pipe"), 0o600))
	require.NoError(t, os.Mkdir(path("folder"), 0o700))
	for _, name := range []string{"link", "pipe", "folder"} {
		_, err := regular.Open(path(name))
		require.Error(t, err, name)
		_, err = regular.Overwrite(path(name))
		require.Error(t, err, name)
	}
	_, err := regular.Open(path("absent"))
	require.ErrorIs(t, err, os.ErrNotExist)

	f, err := regular.Overwrite(path("file"))
	require.NoError(t, err)
	_, err = f.WriteString("LONG")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	f, err = regular.Open(path("file"))
	require.NoError(t, err)
	defer f.Close()
	b := make([]byte, 100)
	n, err := f.Read(b)
	require.NoError(t, err)
	require.Equal(t, "LONG content", string(b[:n]))
}
