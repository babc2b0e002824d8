package app

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/fault"
)

func TestTheLogFileIsPutAsideAndBounded(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "logs", "kedrod.log")
	log, closing, err := openLog(io.Discard, config.Log{File: file, MaxSize: 1 << 20, MaxFiles: 2, Format: "auto"})
	require.NoError(t, err)
	filler := strings.Repeat("x", 64<<10)
	for range 80 {
		log.Info("a line", "filler", filler)
	}
	require.Eventually(t, func() bool {
		entries, err := os.ReadDir(filepath.Dir(file))
		return err == nil && len(entries) == 3
	}, 5*time.Second, 10*time.Millisecond, "the file and two put aside")
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.LessOrEqual(t, info.Size(), int64(1<<20+1))
	require.NoError(t, closing())

	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	_, _, err = openLog(io.Discard, config.Log{File: filepath.Join(dir, "folder"), MaxSize: 1 << 20})
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	require.ErrorContains(t, err, "--log-file")
}
