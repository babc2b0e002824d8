package config

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/kedrod/kedrod/internal/fault"
)

// projects finds what is served: --project, else KEDROD_PROJECT, else
// KEDRO_PROJECT_PATH, else the file's list, else the working directory. A project
// that is named by its folder keeps what the file says of that folder.
func (l *loader) projects() ([]Project, string, error) {
	listed := make([]Project, len(l.file.projects))
	for i, p := range l.file.projects {
		base := filepath.Dir(l.path)
		p.Path = l.absolute(p.Path, base)
		p.Python = l.interpreter(p.Python, base)
		var err error
		if p.Env, err = l.secrets(p.Env, base, fmt.Sprintf("projects[%d].env", i)); err != nil {
			return nil, "", err
		}
		listed[i] = p
	}
	named, source := l.named()
	projects := listed
	switch {
	case len(named) > 0:
		projects = pick(named, listed)
	case l.file.listed:
		source = "file " + l.path
	default:
		projects, source = []Project{{Path: l.cwd, Implied: true, RunEnv: Inherit}}, "default"
	}
	if err := l.override(projects); err != nil {
		return nil, "", err
	}
	return projects, source, noDoubles(projects)
}

// named gives the folders that flags or variables name.
func (l *loader) named() ([]string, string) {
	var paths []string
	source := ""
	if given := flagList(l.flags, "project"); len(given) > 0 {
		paths, source = given, "flag --project"
	} else if text := l.environ["KEDROD_PROJECT"]; text != "" {
		paths, source = filepath.SplitList(text), "environment KEDROD_PROJECT"
	} else if text := l.environ["KEDRO_PROJECT_PATH"]; text != "" {
		paths, source = []string{text}, "environment KEDRO_PROJECT_PATH"
	}
	for i := range paths {
		paths[i] = l.absolute(paths[i], l.cwd)
	}
	return paths, source
}

func pick(paths []string, listed []Project) []Project {
	picked := make([]Project, 0, len(paths))
	for _, path := range paths {
		project := Project{Path: path, RunEnv: Inherit}
		for _, p := range listed {
			if p.Path == path {
				project = p
			}
		}
		picked = append(picked, project)
	}
	return picked
}

// override lays --python and --pass-env, or their variables, over every project.
func (l *loader) override(projects []Project) error {
	python, ok := flagText(l.flags, "python")
	if !ok {
		python = l.environ["KEDROD_PYTHON"]
	}
	pass, field := flagList(l.flags, "pass-env"), "--pass-env" //nolint:gosec // G101: names of variables, no password
	if pass == nil {
		pass, field = splitList(l.environ["KEDROD_PASS_ENV"]), "KEDROD_PASS_ENV" //nolint:gosec // G101: as above
	}
	for _, name := range pass {
		if message := badName(name); message != "" {
			return fault.InvalidField(field, message)
		}
	}
	for i := range projects {
		if python != "" {
			projects[i].Python = l.interpreter(python, l.cwd)
		}
		projects[i].PassEnv = append(projects[i].PassEnv[:len(projects[i].PassEnv):len(projects[i].PassEnv)], pass...)
	}
	return nil
}

// interpreter leaves a bare name to be looked up in PATH.
func (l *loader) interpreter(python, base string) string {
	if !strings.ContainsAny(python, `/\`) {
		return python
	}
	return l.absolute(python, base)
}

// secrets reads the files that NAME_FILE entries name.
func (l *loader) secrets(env map[string]string, base, at string) (map[string]string, error) {
	read := make(map[string]string, len(env))
	for name, value := range env {
		real, isFile := strings.CutSuffix(name, "_FILE")
		if !isFile || real == "" {
			read[name] = value
			continue
		}
		data, err := readBounded(l.absolute(value, base))
		if err != nil {
			return nil, &fault.Error{Code: fault.Invalid, Message: at + "." + name + ": the file can't be read: check its path, what it is, and its mode",
				Fields: []fault.Field{{Field: at + "." + name, Message: "the file can't be read"}}, Err: err}
		}
		if bytes.ContainsRune(data, 0) {
			return nil, fault.InvalidField(at+"."+name, "the file holds a NUL byte: a variable can't")
		}
		read[real] = strings.TrimRight(string(data), "\r\n")
	}
	return read, nil
}

func noDoubles(projects []Project) error {
	paths, names := map[string]bool{}, map[string]bool{}
	for i, p := range projects {
		if paths[p.Path] {
			return fault.InvalidField(fmt.Sprintf("projects[%d].path", i), p.Path+" is listed twice; keep one")
		}
		if p.Name != "" && names[p.Name] {
			return fault.InvalidField(fmt.Sprintf("projects[%d].name", i), p.Name+" is given to two projects; rename one")
		}
		paths[p.Path], names[p.Name] = true, true
	}
	return nil
}
