package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/kedro"
)

func TestLastFound(t *testing.T) {
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	here, gone := filepath.Join(dir, "here"), filepath.Join(dir, "gone")
	require.NoError(t, os.Mkdir(here, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(here, "pyproject.toml"), nil, 0o600))
	found := func(path, name string) foundProject {
		return foundOf(config.Project{Path: path}, kedro.Project{Name: name, Path: path}, kedro.Python{Path: "/usr/bin/python3"})
	}
	_, ok := readLastFound(dir).instead(config.Project{Path: gone}, log)
	require.False(t, ok, "nothing was found yet")
	require.NoError(t, readLastFound(dir).keep([]foundProject{found(here, "a"), found(gone, "b")}))
	require.NoError(t, readLastFound(dir).keep([]foundProject{found(here, "a"), found(gone, "b")}), "again")

	l := readLastFound(dir)
	f, ok := l.instead(config.Project{Path: gone, Name: "renamed"}, log)
	require.True(t, ok)
	require.Equal(t, kedro.Project{Name: "renamed", Path: gone}, f.project)
	require.Equal(t, "/usr/bin/python3", f.python.Path)
	_, ok = l.instead(config.Project{Path: here}, log)
	require.False(t, ok, "it is there: what is wrong with it has to be mended")
	_, ok = l.instead(config.Project{Path: gone, Implied: true}, log)
	require.False(t, ok, "nobody named it")
	_, ok = l.instead(config.Project{Path: gone + "2"}, log)
	require.False(t, ok, "it was never there")

	require.NoError(t, l.keep([]foundProject{found(here, "a")}))
	_, ok = readLastFound(dir).instead(config.Project{Path: gone}, log)
	require.False(t, ok, "it was not named any more")
}

// FuzzLastFound: whatever stands in the file, what it gives is whole.
func FuzzLastFound(f *testing.F) {
	for _, seed := range []string{`{}`, `null`, `[`, `{"/gone": {"Project": {"Name": "a", "Path": "/gone"}, "Python": {"Path": "/p"}}}`, `{"/gone": {"Project": {"Name": "a"}}}`} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	require.NoError(f, os.Mkdir(filepath.Join(dir, "cache"), 0o700))
	f.Fuzz(func(t *testing.T, text []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "cache", "projects.json"), text, 0o600))
		l := readLastFound(dir)
		require.NotNil(t, l.known)
		if p, ok := l.instead(config.Project{Path: "/gone"}, slog.New(slog.DiscardHandler)); ok {
			require.NotEmpty(t, p.project.Name)
			require.NotEmpty(t, p.project.Path)
			require.NotEmpty(t, p.python.Path)
		}
	})
}
