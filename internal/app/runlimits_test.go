package app

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/executor"
)

func TestRunLimits(t *testing.T) {
	cfg := &config.Config{RunMemory: 4, RunCPUs: 1, Projects: []config.Project{{}, {RunMemory: 8}, {RunCPUs: 2.5}}}
	for i, want := range []executor.RunLimits{{Memory: 4, CPUs: 1}, {Memory: 8, CPUs: 1}, {Memory: 4, CPUs: 2.5}} {
		require.Equal(t, want, runLimits(cfg, &cfg.Projects[i]))
	}
	require.True(t, anyLimits(cfg))
	require.False(t, anyLimits(&config.Config{Projects: []config.Project{{}}}))
	require.True(t, anyLimits(&config.Config{Projects: []config.Project{{}, {RunCPUs: 1}}}))
}

func TestWhatIsNotEnforcedIsTold(t *testing.T) {
	both := &config.Config{RunMemory: 4, RunCPUs: 1, Projects: []config.Project{{}}}
	none := &config.Config{Projects: []config.Project{{}}}
	all := executor.Means{Groups: true, Memory: executor.ByGroup, CPUs: executor.ByGroup}
	addresses := executor.Means{Memory: executor.ByAddresses, Missing: "no groups"}
	for _, c := range []struct {
		name   string
		cfg    *config.Config
		means  executor.Means
		levels []string
		says   string
	}{
		{"all there", both, all, []string{"ok"}, "control group of its own"},
		{"addresses", both, addresses, []string{"warning", "warning"}, "RLIMIT_AS"},
		{"nothing", both, executor.Means{Missing: "no groups"}, []string{"warning", "warning"}, "run_memory can't be enforced here: no groups"},
		{"not asked for", none, addresses, []string{"ok"}, "no groups"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var f findings
			f.limits(c.cfg, c.means)
			var levels []string
			text := ""
			for _, found := range []client.Finding(f) {
				levels = append(levels, found.Level)
				text += found.Message + "\n"
			}
			require.Equal(t, c.levels, levels)
			require.Contains(t, text, c.says)
		})
	}
}
