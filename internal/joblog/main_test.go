package joblog

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func writeLog(t testing.TB, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log")
	appendTo(t, path, content)
	return path
}

func appendTo(t testing.TB, path string, content []byte) {
	t.Helper()
	f, err := Create(path)
	require.NoError(t, err)
	_, err = f.Write(content)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func openLog(t testing.TB, path string) *Log {
	t.Helper()
	l, err := Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

func gapOf(t testing.TB, path string) Gap {
	t.Helper()
	g, err := readGap(path)
	require.NoError(t, err)
	return g
}
