package executor

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOOMFiles(t *testing.T) {
	require.Equal(t, []string{"/sys/fs/cgroup/user.slice/a/memory.events", "/sys/fs/cgroup/memory.events"}, oomFiles("0::/user.slice/a\n"))
	require.Equal(t, []string{"/sys/fs/cgroup/memory/docker/x/memory.oom_control", "/sys/fs/cgroup/memory/memory.oom_control"},
		oomFiles("12:cpu:/docker/x\n4:memory:/docker/x\n1:name=systemd:/docker/x\n"))
	require.Empty(t, oomFiles(""))
	require.Empty(t, oomFiles("nonsense\n"))
}

func TestOOMKills(t *testing.T) {
	n, ok := oomKills("low 0\nhigh 0\nmax 12\noom 4\noom_kill 3\noom_group_kill 1\n")
	require.True(t, ok)
	require.EqualValues(t, 3, n)
	_, ok = oomKills("oom_kill_disable 0\nunder_oom 0\n")
	require.False(t, ok)
	_, ok = oomKills("oom_kill x\n")
	require.False(t, ok)
}

// TestOutOfMemoryIsToldFromKilled stands in for the kernel: the counter rises, or not, while a run is killed.
func TestOutOfMemoryIsToldFromKilled(t *testing.T) {
	e := newExecutor(t)
	file := filepath.Join(t.TempDir(), "memory.events")
	count := func(n int) { require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, "oom_kill %d\n", n), 0o600)) }
	count(7)
	e.oom = oomCounter{file}
	for _, c := range []struct {
		script string
		kills  int
		want   bool
	}{
		{"kill -9 $$", 1, true},
		{"exit 137", 1, true},
		{"kill -9 $$", 0, false},
		{"exit 1", 1, false},
		{"kill -15 $$", 1, false},
	} {
		count(7)
		r, _ := startShell(t, e, "a", "while [ ! -e go ]; do sleep 0.01; done; "+c.script)
		count(7 + c.kills)
		require.NoError(t, os.WriteFile(fmt.Sprintf("/proc/%d/cwd/go", r.PID()), nil, 0o600))
		require.Equal(t, c.want, waitExit(t, r).OutOfMemory, "%+v", c)
	}
	count(7)
	r, _ := startShell(t, e, "a", "sleep 600")
	count(8)
	require.NoError(t, r.Stop(t.Context(), Grace{}))
	require.False(t, r.Exit().OutOfMemory, "it was us")
}
