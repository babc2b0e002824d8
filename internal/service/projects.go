package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/kedro"
)

// ProjectView is a project with its registry as it is known now.
type ProjectView struct {
	*Project
	Registry   kedro.Registry
	Known      bool // the registry was read once
	Refreshing bool
	Findings   []kedro.Finding
}

// projectNames gives the names that the caller may see.
func (s *Service) projectNames(c Caller) []string {
	names := make([]string, 0, len(s.projects))
	for name := range s.projects {
		if c.sees(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func viewProject(p *Project) ProjectView {
	r, known := p.Catalog.Snapshot()
	return ProjectView{Project: p, Registry: r, Known: known, Refreshing: p.Catalog.Refreshing(), Findings: p.Catalog.Findings()}
}

// Projects gives the projects that the caller sees, in the order of the settings.
func (s *Service) Projects(_ context.Context, c Caller) ([]ProjectView, error) {
	if err := c.need(Read); err != nil {
		return nil, err
	}
	views := make([]ProjectView, 0, len(s.o.Projects))
	for i := range s.o.Projects {
		if p := &s.o.Projects[i]; c.sees(p.Name) {
			views = append(views, viewProject(p))
		}
	}
	return views, nil
}

// Pipelines gives the registries of the named projects, or of all where none is
// named. It never waits for one to be read.
func (s *Service) Pipelines(ctx context.Context, c Caller, projects []string) ([]ProjectView, error) {
	all, err := s.Projects(ctx, c)
	if err != nil || len(projects) == 0 {
		return all, err
	}
	var bad faults
	for _, name := range projects {
		s.mustServe(c, name, &bad)
	}
	if err := bad.err(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(v ProjectView) bool { return !slices.Contains(projects, v.Name) }), nil
}

func (s *Service) mustServe(c Caller, name string, bad *faults) *Project {
	p := s.projects[name]
	if p == nil || !c.sees(name) {
		bad.code = fault.UnknownProject
		bad.add("project", "no such project is served here; there is: "+strings.Join(s.projectNames(c), ", "))
		return nil
	}
	return p
}

// Pipeline gives one pipeline. project may be "" where only one has the name.
func (s *Service) Pipeline(ctx context.Context, c Caller, project, name string) (ProjectView, kedro.Pipeline, error) {
	var only []string
	if project != "" {
		only = []string{project}
	}
	views, err := s.Pipelines(ctx, c, only)
	if err != nil {
		return ProjectView{}, kedro.Pipeline{}, err
	}
	var found []ProjectView
	var pipeline kedro.Pipeline
	var names []string
	unknown := false
	for _, v := range views {
		names = append(names, v.Registry.Names()...)
		unknown = unknown || !v.Known
		if p, ok := v.Registry.Pipeline(name); ok {
			found, pipeline = append(found, v), p
		}
	}
	switch {
	case len(found) == 1:
		return found[0], pipeline, nil
	case len(found) > 1:
		return ProjectView{}, pipeline, fault.InvalidField("project", "is needed, as several projects have a pipeline of this name")
	case unknown:
		return ProjectView{}, pipeline, fault.Newf(fault.NotFound, "no pipeline %q is known yet: a registry has not been read; see GET /api/v1/projects", name)
	}
	return ProjectView{}, pipeline, fault.Newf(fault.NotFound, "no pipeline %q%s", name, nearest(name, names))
}

// Refresh reads the registries anew and gives them; it takes as long as importing
// the projects does. Faults of a project are in its registry's Error. Other workers of
// the projects are asked for the same, and not waited for.
func (s *Service) Refresh(ctx context.Context, c Caller, projects []string) ([]ProjectView, error) {
	if err := c.need(Run); err != nil {
		return nil, err
	}
	views, err := s.Pipelines(ctx, c, projects)
	if err != nil {
		return nil, err
	}
	errs := []error{s.askOthers(ctx, views)}
	for i := range views {
		if _, err := views[i].Catalog.Refresh(ctx); err != nil {
			errs = append(errs, fmt.Errorf("refresh %s: %w", views[i].Name, err))
		}
		views[i] = viewProject(views[i].Project)
	}
	return views, errors.Join(errs...)
}
