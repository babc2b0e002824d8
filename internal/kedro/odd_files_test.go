//go:build unix

package kedro

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOddFilesInAProject: pipes, devices and folders where files are expected are
// passed over or named, and nothing waits for them.
func TestOddFilesInAProject(t *testing.T) {
	dir := t.TempDir()
	conf := filepath.Join(dir, "conf", "base")
	require.NoError(t, os.MkdirAll(filepath.Join(conf, "folder.yml"), 0o755))
	require.NoError(t, syscall.Mkfifo(filepath.Join(conf, "a-pipe.yml"), 0o600))
	require.NoError(t, os.Symlink("/dev/zero", filepath.Join(conf, "endless.yml")))
	require.NoError(t, os.Symlink(filepath.Join(dir, "away.txt"), filepath.Join(conf, "link.yml")))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(conf, "dangling.yml")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "away.txt"), []byte("a: ${oc.env:THROUGH_LINK}\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(conf, "large.yml"), nil, 0o600))
	require.NoError(t, os.Truncate(filepath.Join(conf, "large.yml"), 1<<40))
	uses, err := EnvUses(Project{Path: dir})
	require.NoError(t, err)
	require.Equal(t, []EnvUse{{Name: "THROUGH_LINK", File: "conf/base/link.yml"}}, uses)

	file := filepath.Join(dir, "pyproject.toml")
	for what, put := range map[string]func() error{
		"it is a pipe that nobody writes to": func() error { return syscall.Mkfifo(file, 0o600) },
		"it is a folder":                     func() error { return os.Mkdir(file, 0o755) },
		"it has more than 4194304 bytes":     func() error { return os.Symlink("/dev/zero", file) },
	} {
		require.NoError(t, put())
		_, err := readProject(dir)
		require.ErrorContains(t, err, file+" can't be read")
		require.ErrorContains(t, err, what)
		require.NoError(t, os.Remove(file))
	}
}
