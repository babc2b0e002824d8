package service

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kedrod/kedrod/internal/store"
)

// WorkerView is a worker with what it has published of its projects.
type WorkerView struct {
	store.Worker
	Registries []store.Registry // by project
}

// Workers gives the workers that live, and those that ended within a day, each with
// the projects and jobs that the caller may see.
func (s *Service) Workers(ctx context.Context, c Caller) ([]WorkerView, error) {
	if err := c.need(Read); err != nil {
		return nil, err
	}
	workers, err := s.o.Store.Workers(ctx, s.o.Now().Add(-24*time.Hour))
	if err != nil {
		return nil, err
	}
	registries, err := s.o.Store.Registries(ctx)
	if err != nil {
		return nil, err
	}
	views := make([]WorkerView, len(workers))
	var ids []string
	for i := range workers {
		views[i].Worker = workers[i]
		ids = append(ids, workers[i].Running...)
		views[i].Registries = registriesOf(registries, workers[i].ID, c)
	}
	if c.Projects == nil {
		return views, nil
	}
	of, err := s.o.Store.ProjectsOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i := range views {
		w := &views[i].Worker
		w.Running = slices.DeleteFunc(w.Running, func(id string) bool { return !c.sees(of[id]) })
		w.Projects = slices.DeleteFunc(w.Projects, func(p string) bool { return !c.sees(p) })
	}
	return views, nil
}

// registriesOf gives those of a worker that the caller may see.
func registriesOf(all []store.Registry, worker string, c Caller) []store.Registry {
	return slices.DeleteFunc(slices.Clone(all), func(r store.Registry) bool { return r.Worker != worker || !c.sees(r.Project) })
}

// differing says, a sentence for each, of which projects living workers, and this
// process where it has the project itself, have different code.
func (s *Service) differing(ctx context.Context) []string {
	registries, err := s.o.Store.Registries(ctx)
	if err != nil {
		return []string{"What the workers know of the projects can't be read."}
	}
	have := map[string][]string{} // by project: each hash once
	who := map[string][]string{}
	add := func(project, hash, name string) {
		if hash == "" {
			return
		}
		if !slices.Contains(have[project], hash) {
			have[project] = append(have[project], hash)
		}
		who[project] = append(who[project], name+" ("+shortHash(hash)+")")
	}
	for _, r := range registries {
		if r.Living {
			add(r.Project, r.SourceHash, "worker "+r.Worker)
		}
	}
	for name, p := range s.projects {
		if len(have[name]) > 0 && !livesIn(registries, name, s.self()) {
			r, _ := p.Catalog.Snapshot()
			add(name, r.SourceHash, "this service")
		}
	}
	var out []string
	for project, hashes := range have {
		if len(hashes) > 1 {
			names := who[project]
			if more := len(names) - mostNamed; more > 0 {
				names = append(names[:mostNamed:mostNamed], fmt.Sprintf("%d more", more))
			}
			out = append(out, fmt.Sprintf("Not all have the same code of project %s: %s; GET /api/v1/workers shows each.", project, strings.Join(names, ", ")))
		}
	}
	slices.Sort(out)
	return out
}

// mostNamed bounds a sentence.
const mostNamed = 10

func livesIn(registries []store.Registry, project, worker string) bool {
	return slices.ContainsFunc(registries, func(r store.Registry) bool { return r.Living && r.Project == project && r.Worker == worker })
}

func shortHash(hash string) string { return hash[:min(len(hash), 8)] }

// askOthers asks the workers of other processes to read the projects' registries anew.
func (s *Service) askOthers(ctx context.Context, views []ProjectView) error {
	registries, err := s.o.Store.Registries(ctx)
	if err != nil {
		return err
	}
	var ask []string
	for i := range views {
		if slices.ContainsFunc(registries, func(r store.Registry) bool { return r.Living && r.Project == views[i].Name && r.Worker != s.self() }) {
			ask = append(ask, views[i].Name)
		}
	}
	if len(ask) == 0 {
		return nil
	}
	_, err = s.o.Store.AskRefresh(ctx, ask)
	return err
}
