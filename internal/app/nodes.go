package app

import (
	"log/slog"

	"github.com/kedrod/kedrod/internal/compress"
	"github.com/kedrod/kedrod/internal/registries"
)

// workerID is the id of this process's worker; "" where it runs none.
func (n *node) workerID() string {
	if n.cfg.NoWorker {
		return ""
	}
	return n.hand.Load().self.ID
}

// newPublisher tells the store what this process's worker knows of its projects.
func newPublisher(worker string, projects *projectSet, s registries.PublishStore, packer *compress.Packer, log *slog.Logger) *registries.Publisher {
	o := registries.PublishOptions{Store: s, Worker: worker, Packer: packer, Log: log}
	for i := range projects.all {
		p := &projects.all[i]
		settings := registries.Settings{
			Timeout: p.settings.Timeout, Slots: p.settings.Concurrency, Dynamic: p.settings.DynamicRegistry,
			Pipelines: map[string]registries.PipelineSettings{},
		}
		for name, set := range p.settings.Pipelines {
			settings.Pipelines[name] = registries.PipelineSettings{Slots: set.Concurrency, Timeout: set.Timeout}
		}
		o.Projects = append(o.Projects, registries.Project{Name: p.project.Name, Path: p.project.Path, Python: p.python.Path, Settings: settings, Catalog: p.catalog})
	}
	return registries.NewPublisher(o)
}
