package kedro

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/BurntSushi/toml"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/regular"
)

// Project is a Kedro project on disk, as its pyproject.toml describes it. Nothing
// of it is ever written to.
type Project struct {
	Name        string // url-safe: the project's own name, lower case, other characters as "-"
	Path        string // absolute, symbolic links resolved
	Package     string // package_name: the Python package below SourceDir
	Title       string // project_name, as written
	InitVersion string // kedro_init_version: the Kedro the project was made for
	SourceDir   string // absolute; "src" unless pyproject.toml says otherwise
}

type pyproject struct {
	Project struct {
		Name string `toml:"name"`
	} `toml:"project"`
	Tool struct {
		Kedro *struct {
			Package     string `toml:"package_name"`
			Title       string `toml:"project_name"`
			InitVersion string `toml:"kedro_init_version"`
			SourceDir   string `toml:"source_dir"`
		} `toml:"kedro"`
	} `toml:"tool"`
}

// FindProject reads the project in dir. An empty dir means the working directory,
// and then the folders above it are tried as well, as Kedro's own command does.
// Errors are fault.Invalid and say what to do.
func FindProject(dir string) (Project, error) {
	if dir != "" {
		p, err := readProject(dir)
		var f *fault.Error
		if errors.As(err, &f) && errors.Is(f.Err, errNoProject) {
			f.Err = nil // its message says it all
		}
		return p, err
	}
	wd, err := os.Getwd()
	if err != nil {
		return Project{}, fmt.Errorf("find the working directory: %w", err)
	}
	for at := wd; ; at = filepath.Dir(at) {
		p, err := readProject(at)
		if err == nil {
			return p, nil
		}
		if !errors.Is(err, errNoProject) {
			return Project{}, err
		}
		if filepath.Dir(at) == at {
			return Project{}, fault.Newf(fault.Invalid, "no Kedro project in %s or above it: start kedrod inside a project, or name one with --project PATH or KEDRO_PROJECT_PATH", wd)
		}
	}
}

var errNoProject = errors.New("no Kedro project here")

const (
	maxPyproject = 4 << 20
	pipeWait     = 2 * time.Second // for what stands in its place and is a pipe
)

//kedrod:parser FuzzReadProject
func readProject(dir string) (Project, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return Project{}, fmt.Errorf("make %s absolute: %w", dir, err)
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	file := filepath.Join(path, "pyproject.toml")
	waiting, done := context.WithTimeout(context.Background(), pipeWait)
	defer done()
	text, err := regular.Given(waiting, file, maxPyproject)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if info, statErr := os.Stat(path); statErr != nil || !info.IsDir() {
			return Project{}, fault.Wrap(errNoProject, fault.Invalid, fmt.Sprintf("the project folder %s does not exist: correct --project, KEDRO_PROJECT_PATH or the settings file, or mount its disk", path))
		}
		return Project{}, fault.Wrap(errNoProject, fault.Invalid, fmt.Sprintf("%s is not a Kedro project: it has no pyproject.toml; name the folder that holds it with --project", path))
	case err != nil:
		return Project{}, fault.Wrap(err, fault.Invalid, fmt.Sprintf("%s can't be read: check what it is, and its permissions", file))
	}
	var doc pyproject
	if err := toml.Unmarshal(text, &doc); err != nil {
		return Project{}, fault.Wrap(err, fault.Invalid, fmt.Sprintf("%s is not valid TOML (%s): correct it", file, firstLine(err.Error())))
	}
	k := doc.Tool.Kedro
	if k == nil {
		return Project{}, fault.Wrap(errNoProject, fault.Invalid, fmt.Sprintf("%s has no [tool.kedro] section, so it is not a Kedro project: name another folder with --project", file))
	}
	var missing []string
	for key, value := range map[string]string{"package_name": k.Package, "project_name": k.Title, "kedro_init_version": k.InitVersion} {
		if value == "" {
			missing = append(missing, key)
		}
	}
	if len(missing) > 0 {
		return Project{}, fault.Newf(fault.Invalid, "%s: [tool.kedro] lacks %s: Kedro needs it, add it", file, strings.Join(sorted(missing), ", "))
	}
	source := k.SourceDir
	if source == "" {
		source = "src"
	}
	if !filepath.IsAbs(source) {
		source = filepath.Join(path, source)
	}
	if info, err := os.Stat(source); err != nil || !info.IsDir() {
		return Project{}, fault.Newf(fault.Invalid, "the source folder %s of the project does not exist: correct source_dir in %s", source, file)
	}
	name := urlSafe(firstOf(doc.Project.Name, k.Title, k.Package))
	return Project{
		Name: name, Path: path, Package: k.Package, Title: k.Title, InitVersion: k.InitVersion, SourceDir: source,
	}, nil
}

// urlSafe makes a project's name usable in paths and queries as it stands.
func urlSafe(name string) string {
	var b strings.Builder
	dash := false
	for _, r := range strings.ToLower(name) {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == '.') {
			b.WriteRune(r)
			dash = false
		} else if !dash {
			b.WriteByte('-')
			dash = true
		}
	}
	out := strings.Trim(b.String(), "-.")
	if out == "" {
		return "project"
	}
	return out
}
