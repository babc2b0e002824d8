//go:build unix

package config

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// TestSettingsFromOddFiles: what a name leads to is read as far as it is bounded, a
// pipe included, and else named.
func TestSettingsFromOddFiles(t *testing.T) {
	dir := t.TempDir()
	load := func(path string) (Config, error) {
		flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
		AddFlags(flags)
		require.NoError(t, flags.Parse([]string{"--config", path}))
		c, _, err := Load(flags, []string{"HOME=" + dir}, dir)
		return c, err
	}
	for path, want := range map[string]string{"/dev/zero": "it has more than 1048576 bytes", dir: "it is a folder", filepath.Join(dir, "none"): "no such file"} {
		_, err := load(path)
		require.ErrorContains(t, err, "the settings file "+path+" can't be read")
		require.ErrorContains(t, err, want)
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "conf"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "pyproject.toml"), []byte("[tool.kedro]\n"), 0o600))
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	wrote := make(chan error, 1)
	go func() { wrote <- os.WriteFile(pipe, []byte("concurrency: 3\nprojects: [{path: "+dir+"}]\n"), 0o600) }()
	c, err := load(pipe)
	require.NoError(t, err)
	require.NoError(t, <-wrote)
	require.Equal(t, 3, c.Concurrency)
}
