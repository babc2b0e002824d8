//go:build unix

package handover_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/handover"
)

// The program is where it was started from, also through a link that may lead elsewhere later.
func TestProgram(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	file, link := filepath.Join(dir, "kedrod-1"), filepath.Join(dir, "kedrod")
	require.NoError(t, os.WriteFile(file, nil, 0o700))
	require.NoError(t, os.Symlink(file, link))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "plain"), nil, 0o600))
	for name, want := range map[string]string{"kedrod": link, link: link} {
		got, err := handover.Program(name, "/nonexistent:"+dir)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	t.Chdir(dir)
	got, err := handover.Program("./kedrod", "")
	require.NoError(t, err)
	require.Equal(t, link, got)
	self, err := os.Executable()
	require.NoError(t, err)
	got, err = handover.Program("plain", dir)
	require.NoError(t, err)
	require.Equal(t, self, got, "what can't be executed is not it")
}

func TestNothingIsReceived(t *testing.T) {
	state, err := handover.Received()
	require.NoError(t, err)
	require.Nil(t, state)
}
