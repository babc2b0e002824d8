//go:build unix

package joblog

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReplacedByTheRun: a run can write into its folder; what it puts in the place of
// our files is an error, and nothing waits for it or follows it.
func TestReplacedByTheRun(t *testing.T) {
	dir := t.TempDir()
	log, other := filepath.Join(dir, "log"), filepath.Join(dir, "other")
	require.NoError(t, os.WriteFile(log, []byte("text\n"), 0o600))
	require.NoError(t, syscall.Mkfifo(GapPath(log), 0o600))
	_, err := readGap(log)
	require.ErrorContains(t, err, "not a regular file")
	require.NoError(t, os.Remove(GapPath(log)))
	require.NoError(t, os.WriteFile(GapPath(log), nil, 0o600))
	require.NoError(t, os.Truncate(GapPath(log), 1<<40))
	_, err = readGap(log)
	require.ErrorContains(t, err, "is not FROM TO LIMIT")

	require.NoError(t, os.Remove(GapPath(log)))
	require.NoError(t, os.WriteFile(other, make([]byte, 1<<20), 0o600))
	require.NoError(t, os.Remove(log))
	require.NoError(t, os.Symlink(other, log))
	_, err = Trim(log, Limit{Bytes: 1 << 10})
	require.Error(t, err, "a link is not followed")
	require.NoFileExists(t, GapPath(log))
}
