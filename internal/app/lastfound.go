package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/kedro"
)

// lastFound keeps what was found of each project beside the data, so that a service
// whose project is on a disk that is not mounted yet starts all the same: its jobs wait,
// and other projects are served. It may be deleted.
type lastFound struct {
	path  string
	known map[string]lastProject // by the project's absolute path, as the settings have it
}

type lastProject struct {
	Project kedro.Project
	Python  kedro.Python
}

// readLastFound takes what can't be read for nothing: then a project has to be there.
//
//kedrod:parser FuzzLastFound
func readLastFound(dataDir string) *lastFound {
	l := &lastFound{path: filepath.Join(dataDir, "cache", "projects.json"), known: map[string]lastProject{}}
	text, err := os.ReadFile(l.path)
	if err != nil || json.Unmarshal(text, &l.known) != nil || l.known == nil {
		l.known = map[string]lastProject{}
	}
	return l
}

// instead gives what was last found of a project whose folder is gone.
func (l *lastFound) instead(settings config.Project, log *slog.Logger) (foundProject, bool) {
	path, err := filepath.Abs(settings.Path)
	if err != nil || settings.Implied || !kedro.Gone(path) {
		return foundProject{}, false
	}
	p, ok := l.known[path]
	if !ok || p.Project.Path == "" || p.Project.Name == "" || p.Python.Path == "" {
		return foundProject{}, false
	}
	f := foundOf(settings, p.Project, p.Python)
	log.Error("the project's folder is gone or empty: it is served as it was last found, and its jobs wait until it is back", "project", f.project.Name, "path", path)
	return f, true
}

// keep writes down what was found; a project that is not named any more is forgotten.
func (l *lastFound) keep(found []foundProject) error {
	known := map[string]lastProject{}
	for i := range found {
		if path, err := filepath.Abs(found[i].settings.Path); err == nil && !found[i].settings.Implied {
			known[path] = lastProject{found[i].project, found[i].python}
		}
	}
	text, err := json.Marshal(known)
	if err != nil {
		return fmt.Errorf("keep what was found of the projects: %w", err)
	}
	if err := os.Mkdir(filepath.Dir(l.path), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("keep what was found of the projects: %w", err)
	}
	if err := os.WriteFile(l.path+".part", text, 0o600); err != nil {
		return fmt.Errorf("keep what was found of the projects: %w", err)
	}
	if err := os.Rename(l.path+".part", l.path); err != nil {
		return fmt.Errorf("keep what was found of the projects: %w", err)
	}
	return nil
}
