// Package systemd_test holds the units against systemd itself, where it is there, and
// against what they are for.
package systemd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/config"
)

// unit is a unit's settings by section and name; what is given twice is told with both.
type unit map[string]map[string]string

func read(t *testing.T, name string) unit {
	t.Helper()
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	u, section := unit{}, ""
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '[' {
			section = strings.Trim(line, "[]")
			u[section] = map[string]string{}
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		require.True(t, ok, line)
		require.NotContains(t, u[section], key, "set twice")
		u[section][key] = value
	}
	return u
}

func units(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("*.service")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	return names
}

func TestUnits(t *testing.T) {
	for _, name := range units(t) {
		t.Run(name, func(t *testing.T) {
			u := read(t, name)
			service := u["Service"]
			require.Equal(t, "notify", service["Type"])
			require.Equal(t, "mixed", service["KillMode"], "SIGTERM for kedrod alone, SIGKILL for all that is left")
			require.Equal(t, "continue", service["OOMPolicy"], "a run that is out of memory must not end the service")
			require.Equal(t, "on-failure", service["Restart"])
			require.Equal(t, "/bin/kill -USR2 $MAINPID", service["ExecReload"])
			require.Equal(t, "yes", service["Delegate"])
			stop, err := strconv.Atoi(service["TimeoutStopSec"])
			require.NoError(t, err)
			cfg, _, err := config.Load(nil, []string{"HOME=" + t.TempDir()}, projectFolder(t))
			require.NoError(t, err)
			longest := cfg.DrainTimeout + cfg.StopGrace.Int + cfg.StopGrace.Term + 30*time.Second // the last reports, and processes that die slowly
			require.Greater(t, time.Duration(stop)*time.Second, longest, "systemd must not kill what is draining")
			watchdog, err := strconv.Atoi(service["WatchdogSec"])
			require.NoError(t, err)
			require.Positive(t, watchdog)
		})
	}
}

// projectFolder is as much of a project as the settings want to see.
func projectFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "pyproject.toml"), []byte("[tool.kedro]\npackage_name = \"p\"\nproject_name = \"p\"\nkedro_init_version = \"1.0.0\"\n"), 0o600))
	return dir
}

// systemd says nothing of a unit that is in order; its exit code is 0 for settings that
// it does not know, too.
func TestSystemdAnalyze(t *testing.T) {
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Log("no systemd-analyze here: TestUnits reads the units itself")
		return
	}
	for _, name := range units(t) {
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			require.Empty(t, verify(t, tool, name, string(text)))
			broken := strings.Replace(string(text), "KillMode=", "KillMod=", 1)
			require.Contains(t, verify(t, tool, name, broken), "KillMod", "the tool would have told")
		})
	}
}

// verify gives what the tool says of a unit, whose program need not be installed here.
func verify(t *testing.T, tool, name, text string) string {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "kedrod")
	require.NoError(t, os.WriteFile(program, []byte("#!/bin/sh\n"), 0o700))
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(text, "/usr/local/bin/kedrod", program)), 0o600))
	cmd := exec.CommandContext(t.Context(), tool, "verify", "--man=no", "--recursive-errors=no", path)
	cmd.Env = append(os.Environ(), "SYSTEMD_LOG_COLOR=0")
	out, _ := cmd.CombinedOutput()
	var of []string
	for line := range strings.Lines(string(out)) { // units of the system are none of ours
		if strings.Contains(line, name) {
			of = append(of, line)
		}
	}
	return strings.Join(of, "")
}
