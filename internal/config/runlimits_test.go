package config

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRunLimits(t *testing.T) {
	f, err := parseFile([]byte("run_memory: 4GB\nrun_cpus: 1.5\nprojects:\n  - path: /p\n    run_memory: 512MiB\n    run_cpus: 0.5\n  - path: /q\n"), "f")
	require.NoError(t, err)
	require.Equal(t, "4GB", f.values["run_memory"])
	require.Equal(t, "1.5", f.values["run_cpus"])
	require.EqualValues(t, 512<<20, f.projects[0].RunMemory)
	require.InDelta(t, 0.5, f.projects[0].RunCPUs, 0)
	require.Zero(t, f.projects[1].RunMemory)
	c, _, err := newWorld(t).try("--run-memory", "2GiB", "--run-cpus", "2")
	require.NoError(t, err)
	require.EqualValues(t, 2<<30, c.RunMemory)
	require.InDelta(t, 2, c.RunCPUs, 0)
	for _, bad := range []string{"run_memory: 4", "run_memory: 1MB", "run_cpus: -1", "run_cpus: NaN", "run_cpus: x", "run_cpus: 0.001",
		"projects: [{path: /p, run_memory: 1MB}]", "projects: [{path: /p, run_cpus: 2000}]"} {
		_, err := parseFile([]byte(bad), "f")
		require.Error(t, err, bad)
	}
}
