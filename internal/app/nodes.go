package app

import (
	"log/slog"
	"path/filepath"

	"github.com/kedrod/kedrod/internal/compress"
	"github.com/kedrod/kedrod/internal/logship"
	"github.com/kedrod/kedrod/internal/registries"
	"github.com/kedrod/kedrod/internal/retention"
	"github.com/kedrod/kedrod/internal/service"
)

// logStore is a store that takes the logs of runs, for processes on other machines.
type logStore interface {
	logship.Store
	logship.Reading
	retention.Logs
}

// remoteLogs gives the store where it takes logs; nil where everybody who reads them is on
// this machine.
func (n *node) remoteLogs() logStore {
	logs, _ := n.db.(logStore)
	return logs
}

// logReader reads logs of other machines; nil where there are none.
func (n *node) logReader() service.Logs {
	if logs := n.remoteLogs(); logs != nil {
		return logship.NewReader(logs, &n.packer)
	}
	return nil
}

// openShipper makes what hands the logs of runs to the store, where that takes them.
func (n *node) openShipper() (err error) {
	if logs := n.remoteLogs(); logs != nil {
		n.shipper, err = logship.New(logship.Options{Store: logs, Packer: &n.packer, Marks: filepath.Join(n.cfg.DataDir, "shipping"), Log: n.log})
	}
	return err
}

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
			settings.Pipelines[name] = registries.PipelineSettings{Slots: set.Concurrency, Timeout: set.Timeout, QueueWrites: set.QueueWrites}
		}
		o.Projects = append(o.Projects, registries.Project{Name: p.project.Name, Path: p.project.Path, Python: p.python.Path, Settings: settings, Catalog: p.catalog})
	}
	return registries.NewPublisher(o)
}
