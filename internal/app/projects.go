package app

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/executor"
	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/kedro"
	"github.com/kedrod/kedrod/internal/rundir"
	"github.com/kedrod/kedrod/internal/service"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/worker"
)

// foundProject is a project of the settings as it was found on disk.
type foundProject struct {
	settings config.Project
	project  kedro.Project
	python   kedro.Python
	policy   kedro.EnvPolicy
}

// findProjects looks for every project of the settings and its interpreter. Errors
// say what to do. instead may stand in for one that is not found; nil: nothing does.
func findProjects(cfg config.Config, environ []string, instead func(config.Project) (foundProject, bool)) ([]foundProject, error) {
	if len(cfg.Projects) == 0 {
		return nil, fault.New(fault.Invalid, "no project to serve: name one with --project PATH, in KEDRO_PROJECT_PATH, or in the file's projects")
	}
	var found []foundProject
	names := map[string]string{}
	for i := range cfg.Projects {
		f, err := findProject(cfg.Projects[i], environ)
		if err != nil {
			stands := false
			if instead != nil {
				f, stands = instead(cfg.Projects[i])
			}
			if !stands {
				return nil, err
			}
		}
		if other, twice := names[f.project.Name]; twice {
			return nil, fault.Newf(fault.Invalid, "two projects have the name %s (%s and %s): give one another name in the file's projects", f.project.Name, other, f.project.Path)
		}
		names[f.project.Name] = f.project.Path
		if shared(cfg) { // its variables are ours, and no run's
			f.policy.Postgres, f.policy.Hidden = true, []string{cfg.DatabaseURL}
		}
		found = append(found, f)
	}
	return found, nil
}

func findProject(settings config.Project, environ []string) (foundProject, error) {
	path := settings.Path
	if settings.Implied {
		path = "" // the working directory or a folder above it
	}
	project, err := kedro.FindProject(path)
	if err != nil {
		return foundProject{}, err
	}
	python, err := kedro.FindPython(settings.Python, project.Path, environ)
	if err != nil {
		return foundProject{}, err
	}
	return foundOf(settings, project, python), nil
}

func foundOf(settings config.Project, project kedro.Project, python kedro.Python) foundProject {
	if settings.Name != "" {
		project.Name = settings.Name
	}
	policy := kedro.EnvPolicy{Strict: settings.RunEnv == config.Strict, PassEnv: settings.PassEnv, Env: settings.Env}
	return foundProject{settings: settings, project: project, python: python, policy: policy}
}

// servedProject is a project with everything that runs need.
type servedProject struct {
	foundProject
	catalog      *kedro.Catalog
	environ      []string
	hookDir      string
	saveVersions string
	pycache      string
	limits       executor.RunLimits
}

// projectSet is all that are served, in the order of the settings.
type projectSet struct{ all []servedProject }

// makeProjects unpacks our Python helpers and makes a catalog for each project.
func makeProjects(cfg config.Config, found []foundProject, exec func() *executor.Executor, environ []string, log *slog.Logger) (*projectSet, error) {
	helpers, err := kedro.UnpackHelpers(cfg.DataDir)
	if err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	set := &projectSet{}
	for _, f := range found {
		cache := filepath.Join(cfg.DataDir, "cache", rundir.Name(f.project.Name))
		if err := os.MkdirAll(cache, 0o700); err != nil {
			return nil, fault.Wrap(err, fault.Unavailable, "can't write in the data folder "+cfg.DataDir)
		}
		p := servedProject{foundProject: f, environ: environ, hookDir: helpers.HookDir, saveVersions: filepath.Join(cache, "save-version"), pycache: kedro.PycachePrefix(f.project, cache), limits: runLimits(&cfg, &f.settings)}
		p.catalog = kedro.NewCatalog(kedro.CatalogOptions{
			Inspector: inspector(f, helpers, exec, environ, p.pycache, cache), CacheDir: cache, Dynamic: f.settings.DynamicRegistry, Log: log,
		})
		set.all = append(set.all, p)
	}
	return set, nil
}

func inspector(f foundProject, h kedro.Helpers, exec func() *executor.Executor, environ []string, pycache, temp string) kedro.Inspector {
	return kedro.Inspector{
		Project: f.project, Python: f.python, Helpers: h, Runner: helperRunner{exec}, TempDir: temp,
		Env: func() ([]string, error) { return kedro.HelperEnvironment(environ, f.policy, pycache) },
	}
}

// helperRunner lets the Kedro side start its helpers through the executor's door.
type helperRunner struct{ exec func() *executor.Executor }

// Output runs one helper.
func (r helperRunner) Output(ctx context.Context, c kedro.Command) (kedro.Result, error) {
	res, err := r.exec().Output(ctx, executor.Command{Argv: c.Argv, Dir: c.Dir, Env: c.Env, Limit: c.Limit})
	return kedro.Result{Stdout: res.Stdout, Stderr: res.Stderr, ExitCode: res.ExitCode}, err
}

func (s *projectSet) catalogs() []*kedro.Catalog {
	out := make([]*kedro.Catalog, len(s.all))
	for i := range s.all {
		out[i] = s.all[i].catalog
	}
	return out
}

func (s *projectSet) forWorker() []*worker.Project {
	out := make([]*worker.Project, len(s.all))
	for i := range s.all {
		p := &s.all[i]
		out[i] = &worker.Project{
			Name: p.project.Name, Path: p.project.Path, Python: p.python.Path, Policy: p.policy, Environ: p.environ,
			HookDir: p.hookDir, SaveVersions: p.saveVersions, PycachePrefix: p.pycache, Catalog: p.catalog, Limits: p.limits,
		}
	}
	return out
}

func (s *projectSet) forService() []service.Project {
	out := make([]service.Project, len(s.all))
	for i := range s.all {
		p := &s.all[i]
		out[i] = service.Project{
			Name: p.project.Name, Path: p.project.Path, Python: p.python.Path, Timeout: p.settings.Timeout,
			Dynamic: p.settings.DynamicRegistry, Catalog: p.catalog, Slots: p.settings.Concurrency, Pipelines: map[string]service.PipelineSettings{},
		}
		for name, set := range p.settings.Pipelines {
			out[i].Pipelines[name] = service.PipelineSettings{Slots: set.Concurrency, Timeout: set.Timeout, QueueWrites: set.QueueWrites}
		}
	}
	return out
}

// limits are the slots of projects and pipelines.
func (s *projectSet) limits() store.Limits {
	l := store.Limits{Projects: map[string]int{}, Pipelines: map[store.PipelineOf]int{}}
	for i := range s.all {
		name, settings := s.all[i].project.Name, &s.all[i].settings
		if settings.Concurrency > 0 {
			l.Projects[name] = settings.Concurrency
		}
		for pipeline, p := range settings.Pipelines {
			if p.Concurrency > 0 {
				l.Pipelines[store.PipelineOf{Project: name, Pipeline: pipeline}] = p.Concurrency
			}
		}
	}
	return l
}

// describe says in a few words what was found.
func (s *projectSet) describe() string {
	var parts []string
	for i := range s.all {
		p := &s.all[i]
		parts = append(parts, fmt.Sprintf("project %s in %s with %s (%s)", p.project.Name, p.project.Path, p.python.Path, p.python.Origin))
	}
	return strings.Join(parts, "; ")
}
