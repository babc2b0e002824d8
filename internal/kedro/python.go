package kedro

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/kedrod/kedrod/internal/fault"
)

// Python is the interpreter a project runs in.
type Python struct {
	Path   string // absolute, symbolic links kept: a virtual environment is found by its link
	Origin string // where it came from, for the line at start: "--python", "the project's .venv", …
}

// FindPython finds a project's interpreter: the one named explicitly, the project's
// .venv or venv, an active virtual or conda environment, python3 on PATH. environ
// is in the form of os.Environ. Nothing is started. Errors are fault.Invalid and
// say what to do.
func FindPython(explicit, projectPath string, environ []string) (Python, error) {
	env := lookup(environ)
	if explicit != "" {
		path, err := findExecutable(explicit, env("PATH"))
		if err != nil {
			return Python{}, fault.Wrap(err, fault.Invalid, fmt.Sprintf("the interpreter %s can't be started: correct --python (or the project's python setting)", explicit))
		}
		return Python{Path: path, Origin: "--python"}, nil
	}
	places := []struct{ dir, origin string }{
		{filepath.Join(projectPath, ".venv"), "the project's .venv"},
		{filepath.Join(projectPath, "venv"), "the project's venv"},
		{env("VIRTUAL_ENV"), "the active virtual environment"},
		{env("CONDA_PREFIX"), "the active conda environment"},
	}
	for _, place := range places {
		if place.dir == "" {
			continue
		}
		for _, name := range []string{"python", "python3"} {
			if path := filepath.Join(place.dir, "bin", name); executable(path) {
				return Python{Path: path, Origin: place.origin}, nil
			}
		}
	}
	for _, name := range []string{"python3", "python"} {
		if path, err := findExecutable(name, env("PATH")); err == nil {
			return Python{Path: path, Origin: name + " on PATH"}, nil
		}
	}
	return Python{}, fault.Newf(fault.Invalid, "no Python interpreter found for %s: make one with `python3 -m venv %s`, or name one with --python PATH",
		projectPath, filepath.Join(projectPath, ".venv"))
}

// findExecutable looks a name up in a search path; a name with a slash is a path.
func findExecutable(name, searchPath string) (string, error) {
	if strings.ContainsRune(name, filepath.Separator) {
		path, err := filepath.Abs(name)
		if err != nil {
			return "", err
		}
		if !executable(path) {
			return "", &os.PathError{Op: "start", Path: path, Err: exec.ErrNotFound}
		}
		return path, nil
	}
	for _, dir := range filepath.SplitList(searchPath) {
		if !filepath.IsAbs(dir) {
			continue
		}
		if path := filepath.Join(dir, name); executable(path) {
			return path, nil
		}
	}
	return "", &os.PathError{Op: "start", Path: name, Err: exec.ErrNotFound}
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// lookup reads environ as a process would: the last of equal names counts.
func lookup(environ []string) func(string) string {
	return func(name string) string {
		for i := len(environ) - 1; i >= 0; i-- {
			if value, ok := strings.CutPrefix(environ[i], name+"="); ok {
				return value
			}
		}
		return ""
	}
}
