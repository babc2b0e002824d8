package service

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// TestWhyNobodyTakesAJob goes by all workers, whosoever they are.
func TestWhyNobodyTakesAJob(t *testing.T) {
	worker := func(state store.WorkerState, labels map[string]string, projects ...string) store.Worker {
		return store.Worker{ID: "other", State: state, Labels: labels, Projects: projects}
	}
	ready, draining := store.WorkerReady, store.WorkerDraining
	a, x := map[string]string{"gpu": "a"}, map[string]string{"site": "x"}
	both := map[string]string{"gpu": "a", "site": "x"}
	for _, c := range []struct {
		self     string
		workers  []store.Worker
		requires map[string]string
		want     string
	}{
		{"", nil, nil, "No worker runs: start"},
		{"w", nil, nil, "drained"},
		{"", []store.Worker{worker(draining, nil, "p")}, nil, "All workers are draining"},
		{"", []store.Worker{worker(ready, nil, "q"), worker(draining, nil, "p")}, nil, "All workers that serve the project p are draining."},
		{"", []store.Worker{worker(ready, nil, "q")}, nil, "No worker serves the project p."},
		{"", []store.Worker{worker(ready, nil, "q"), worker(ready, nil, "p", "q")}, nil, waitsForSlot},
		{"", []store.Worker{worker(ready, a, "p")}, both, "No worker has the label site=x that it requires."},
		{"", []store.Worker{worker(ready, a, "p"), worker(ready, both, "q")}, both, "No worker has the label site=x that it requires."},
		{"", []store.Worker{worker(ready, a, "p"), worker(ready, x, "p")}, both, "No worker has all the labels that it requires."},
		{"", []store.Worker{worker(ready, a, "p"), worker(draining, both, "p")}, both, "All workers that have the labels it requires are draining."},
		{"", []store.Worker{worker(ready, a, "p"), worker(ready, both, "p")}, both, waitsForSlot},
		{"", []store.Worker{worker(ready, map[string]string{"gpu": "b"}, "p")}, a, "No worker has the label gpu=a that it requires."},
	} {
		s := &Service{o: Options{Now: time.Now, Self: func() string { return c.self }}}
		j := job.Job{Project: "p", Status: job.Pending, Queue: job.Queue{Requires: c.requires}}
		require.Contains(t, s.waitingFor(&j, store.Waiting{}, crew{known: true, workers: c.workers}), c.want)
	}
}

// TestWhatIsTheMatterHere is told only where nobody else can take the job.
func TestWhatIsTheMatterHere(t *testing.T) {
	s := &Service{o: Options{Now: time.Now, Self: func() string { return "w" }, Space: &space{low: true}}, projects: map[string]*Project{"p": {Path: "."}}}
	j := job.Job{Project: "p", Status: job.Pending}
	all := crew{known: true, workers: []store.Worker{{ID: "w", State: store.WorkerReady, Projects: []string{"p"}}}}
	require.Contains(t, s.waitingFor(&j, store.Waiting{}, all), "disk")
	all.workers = append(all.workers, store.Worker{ID: "other", State: store.WorkerReady, Projects: []string{"q"}})
	require.Contains(t, s.waitingFor(&j, store.Waiting{}, all), "disk")
	all.workers = append(all.workers, store.Worker{ID: "third", State: store.WorkerReady, Projects: []string{"p"}})
	require.Equal(t, waitsForSlot, s.waitingFor(&j, store.Waiting{}, all))
}
