package executor

import (
	"context"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/executor/guard"
)

func TestLeftoversOfOneWorkerAreKilled(t *testing.T) {
	start := func(worker string) int {
		cmd := exec.Command("sleep", "600")
		cmd.Env = []string{guard.MarkerKey + "=" + worker + "/run"}
		require.NoError(t, cmd.Start())
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		return cmd.Process.Pid
	}
	dead, other := start("dead-"+t.Name()), start("dead-"+t.Name()+"2")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, KillLeftovers(ctx, "dead-"+t.Name()))
	require.Empty(t, aliveOf([]int{dead}))
	require.Len(t, aliveOf([]int{other}), 1, "a worker whose id begins the same is another one")
}
