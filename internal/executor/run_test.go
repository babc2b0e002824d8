package executor

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExitCodeAndOutput(t *testing.T) {
	e := newExecutor(t)
	r, out := startShell(t, e, "a", "echo one; echo two >&2; exit 7")
	x := waitExit(t, r)
	require.Equal(t, 7, x.Code)
	require.Zero(t, x.Signal)
	require.Equal(t, []string{"one", "two"}, lines(t, out, 2))
	require.False(t, x.Stopped)
	require.Empty(t, x.LeftBehind)
	require.Positive(t, x.MaxRSS)
}
