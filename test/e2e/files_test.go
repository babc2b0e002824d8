package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// project gives a test a copy of test/projects/NAME, examples/NAME or of this
// package's testdata/NAME.
func project(t *testing.T, name string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), name)
	for _, place := range []string{filepath.Join("test", "projects"), "examples", filepath.Join("test", "e2e", "testdata")} {
		from := filepath.Join(root, place, name)
		if _, err := os.Stat(from); err == nil {
			require.NoError(t, copyTree(from, to))
			return to
		}
	}
	require.FailNow(t, "no project "+name)
	return ""
}

// copyTree copies a project without what runs left in it.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir() && (d.Name() == "__pycache__" || d.Name() == "data"):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), text, 0o644)
	})
}

// tree reads every file below a folder, by its path in it. Folders are there with
// a slash at their end.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			files[rel+"/"] = ""
			return nil
		}
		text, err := os.ReadFile(path)
		files[rel] = string(text)
		return err
	}))
	return files
}

// requireSameBytes compares long texts, and shows where they part.
func requireSameBytes(t *testing.T, want, got, what string) {
	t.Helper()
	if want == got {
		return
	}
	at := 0
	for at < len(want) && at < len(got) && want[at] == got[at] {
		at++
	}
	require.FailNow(t, what+" differs", "from byte %d: wanted\n%.200q of %d bytes, got\n%.200q of %d", at, want[at:], len(want), got[at:], len(got))
}

// touch makes an empty file: it opens a gate that a run waits at.
func touch(t *testing.T, path string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, nil, 0o644))
}

// exists reports whether there is a file.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// write makes a file.
func write(t *testing.T, path, content string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
}

// prepend puts lines before a file's own.
func prepend(t *testing.T, path, lines string) {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	write(t, path, lines+string(content))
}
