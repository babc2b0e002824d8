package service

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/kedro"
	"github.com/kedrod/kedrod/internal/store"
)

// fixed is a registry that never changes.
type fixed struct {
	Catalog
	registry kedro.Registry
	known    bool
}

func (f fixed) Snapshot() (kedro.Registry, bool) { return f.registry, f.known }

func TestWritesAreKeptWhereAPipelineQueues(t *testing.T) {
	path := "data/x.csv"
	registry := kedro.Registry{
		Pipelines: []kedro.Pipeline{
			{Name: "memory", Nodes: []kedro.PipelineNode{{Name: "m", Outputs: []string{"none"}}}},
			{Name: "train", Nodes: []kedro.PipelineNode{{Name: "n", Outputs: []string{"x"}}}},
			{Name: "warns", Nodes: []kedro.PipelineNode{{Name: "n", Outputs: []string{"x"}}}},
		},
		Datasets: map[string]kedro.Dataset{"x": {Filepath: &path}},
	}
	files, env := []job.Write{{Dataset: "x", Path: path}}, "prod"
	queue := map[string]PipelineSettings{"train": {QueueWrites: true}, "memory": {QueueWrites: true}, "new": {QueueWrites: true}}
	for _, c := range []struct {
		pipelines map[string]PipelineSettings
		known     bool
		j         job.Job
		want      *job.Writes
	}{
		{map[string]PipelineSettings{"train": {Slots: 1}}, true, job.Job{Pipeline: "train"}, nil},
		{queue, true, job.Job{Pipeline: "train"}, &job.Writes{Queue: true, Files: files}},
		{queue, true, job.Job{Pipeline: "warns"}, &job.Writes{Files: files}},
		{queue, true, job.Job{Pipeline: "memory"}, &job.Writes{Queue: true, Files: []job.Write{}}},
		{queue, true, job.Job{Pipeline: "warns", Options: job.Options{PipelineNames: []string{"warns", "train"}}}, &job.Writes{Queue: true, Files: files}},
		{queue, true, job.Job{Pipeline: "warns", Options: job.Options{Env: &env}}, nil},
		{queue, true, job.Job{Pipeline: "train", Options: job.Options{Env: &env}}, &job.Writes{Queue: true, Files: []job.Write{},
			Note: "It does not wait for files that other runs write (write_conflicts: queue): the paths of a run with an env or conf_source of its own are not known before it."}},
		{queue, true, job.Job{Pipeline: "new"}, &job.Writes{Queue: true, Files: []job.Write{},
			Note: "It does not wait for files that other runs write (write_conflicts: queue): the registry does not have the pipeline."}},
		{queue, false, job.Job{Pipeline: "train"}, &job.Writes{Queue: true, Files: files,
			Note: "It waits for some of its files only (write_conflicts: queue): the project's registry is not known yet."}},
	} {
		p := Project{Pipelines: c.pipelines, Catalog: fixed{registry: registry, known: c.known}}
		got := p.writesOf(&c.j)
		require.Equal(t, c.want, got)
	}
}

func TestWhichFileAJobWaitsFor(t *testing.T) {
	s := &Service{o: Options{Now: time.Now}}
	j := job.Job{ID: "j", Project: "p", Status: job.Pending}
	for _, c := range []struct {
		w    store.Waiting
		want string
	}{
		{store.Waiting{Running: 1, Holder: "h"}, "It waits for the file data/a b.csv: job h writes it."},
		{store.Waiting{Holder: "h"}, "It waits for the file data/a b.csv, behind job h, which waits for its own."},
		{store.Waiting{}, "It waits for the file data/a b.csv, which was another's until just now."},
	} {
		c.w.On = store.ScopeOfPath("p/q", "data/a b.csv")
		require.Equal(t, c.want, s.waitingFor(&j, c.w, crew{}))
	}
}
