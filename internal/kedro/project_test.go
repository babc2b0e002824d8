package kedro

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o755))
}

const toolKedro = "[tool.kedro]\npackage_name = \"my_pack\"\nproject_name = \"My Project!\"\nkedro_init_version = \"1.0.0\"\n"

func TestFindProject(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	write(t, filepath.Join(dir, "pyproject.toml"), toolKedro)
	deep := filepath.Join(dir, "src", "my_pack", "pipelines")
	require.NoError(t, os.MkdirAll(deep, 0o755))
	want := Project{Name: "my-project", Path: dir, Package: "my_pack", Title: "My Project!", InitVersion: "1.0.0", SourceDir: filepath.Join(dir, "src")}
	got, err := FindProject(dir)
	require.NoError(t, err)
	require.Equal(t, want, got)
	t.Chdir(deep)
	got, err = FindProject("")
	require.NoError(t, err)
	require.Equal(t, want, got, "found from below")
	_, err = FindProject(deep)
	require.ErrorContains(t, err, "no pyproject.toml", "a named folder is taken by its word")

	write(t, filepath.Join(dir, "pyproject.toml"), "[project]\nname = \"Other_Name.x\"\n"+toolKedro)
	got, err = FindProject(dir)
	require.NoError(t, err)
	require.Equal(t, "other_name.x", got.Name)
}

func TestProjectsThatAreNone(t *testing.T) {
	for _, c := range []struct{ name, pyproject, says string }{
		{"no file", "", "has no pyproject.toml"},
		{"no section", "[tool.other]\n", "no [tool.kedro] section"},
		{"broken", "[tool\n", "not valid TOML"},
		{"keys missing", "[tool.kedro]\nproject_name = \"x\"\n", "lacks kedro_init_version, package_name"},
		{"no source", toolKedro, "source folder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if c.pyproject != "" {
				write(t, filepath.Join(dir, "pyproject.toml"), c.pyproject)
			}
			_, err := FindProject(dir)
			require.ErrorContains(t, err, c.says)
			require.Equal(t, fault.Invalid, fault.CodeOf(err))
		})
	}
	_, err := FindProject("/does/not/exist")
	require.ErrorContains(t, err, "does not exist")
	t.Chdir(t.TempDir())
	_, err = FindProject("")
	require.ErrorContains(t, err, "--project PATH or KEDRO_PROJECT_PATH")
}

func TestFindPythonInOrder(t *testing.T) {
	dir := t.TempDir()
	at := func(parts ...string) string { return filepath.Join(append([]string{dir}, parts...)...) }
	path := at("path", "python3")
	write(t, path, "")
	environ := []string{"PATH=relative:" + at("path"), "CONDA_PREFIX=" + at("conda"), "VIRTUAL_ENV=" + at("active")}
	expect := func(want, origin string) {
		t.Helper()
		got, err := FindPython("", at("project"), environ)
		require.NoError(t, err)
		require.Equal(t, Python{Path: want, Origin: origin}, got)
	}
	expect(path, "python3 on PATH")
	write(t, at("conda", "bin", "python"), "")
	expect(at("conda", "bin", "python"), "the active conda environment")
	write(t, at("active", "bin", "python3"), "")
	expect(at("active", "bin", "python3"), "the active virtual environment")
	write(t, at("project", "venv", "bin", "python"), "")
	expect(at("project", "venv", "bin", "python"), "the project's venv")
	write(t, at("project", ".venv", "bin", "python"), "")
	expect(at("project", ".venv", "bin", "python"), "the project's .venv")
	got, err := FindPython("python3", at("project"), environ)
	require.NoError(t, err)
	require.Equal(t, Python{Path: path, Origin: "--python"}, got)

	_, err = FindPython(at("nowhere"), at("project"), environ)
	require.ErrorContains(t, err, "correct --python")
	_, err = FindPython("", at("other"), []string{"PATH="})
	require.ErrorContains(t, err, "--python PATH")
}

func TestHelpersAreUnpackedWhole(t *testing.T) {
	data := t.TempDir()
	var wait sync.WaitGroup
	got := make([]Helpers, 8)
	errs := make([]error, 8)
	for i := range got {
		wait.Add(1)
		go func() {
			defer wait.Done()
			got[i], errs[i] = UnpackHelpers(data)
		}()
	}
	wait.Wait()
	for i := range got {
		require.NoError(t, errs[i])
		require.Equal(t, got[0], got[i])
	}
	require.FileExists(t, filepath.Join(got[0].HookDir, "kedrod_hook-1.0.dist-info", "entry_points.txt"))
	info, err := os.Stat(got[0].Registry)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	entries, err := os.ReadDir(filepath.Join(data, "helper"))
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing half done is left")

	require.NoError(t, os.WriteFile(got[0].Registry, []byte("damaged"), 0o600))
	_, err = UnpackHelpers(data)
	require.NoError(t, err)
	text, err := os.ReadFile(got[0].Registry)
	require.NoError(t, err)
	require.Contains(t, string(text), "registry.py OUT.json")
}
