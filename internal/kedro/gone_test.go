package kedro_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/kedro"
)

func TestGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sales")
	require.True(t, kedro.Gone(path))
	require.NoError(t, os.Mkdir(path, 0o700))
	require.True(t, kedro.Gone(path), "a mount point without its disk")
	file := filepath.Join(path, "README.md")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.False(t, kedro.Gone(path))
	require.False(t, kedro.Gone(file), "no folder: the run says so")
}
