package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// retention: what ended goes with all that is kept of it, what has not ended stays
// whatever is asked.
func (s *suite) retention() {
	old, ref := s.running("w", nil)
	o := s.completed()
	last := store.Advance{Nodes: []store.NodeAt{{Position: 0, Node: job.Node{Name: "n", Status: "completed"}}}}
	_, err := s.Report(s.ctx(), ref, o, last)
	require.NoError(s.t, err)
	_, _ = s.running("w", nil)
	running := s.ids(store.Filter{Statuses: []job.Status{job.Running}})[0]
	pending := s.submit(nil)
	s.clock.Add(time.Hour)
	cut := s.clock.Now()
	young, ref := s.running("w", nil)
	for young.ID == pending.ID {
		young, ref = s.running("w", nil)
	}
	_, err = s.Report(s.ctx(), ref, s.completed(), store.Advance{})
	require.NoError(s.t, err)

	var found []store.Ended
	looked := 0
	for cursor := ""; ; {
		ended, next, err := s.EndedBefore(s.ctx(), cut, cursor, 1)
		require.NoError(s.t, err)
		found = append(found, ended...)
		looked++
		if cursor = next; next == "" {
			break
		}
	}
	require.Equal(s.t, []store.Ended{{ID: old.ID, Attempts: 1}}, found)
	require.GreaterOrEqual(s.t, looked, 3)

	n, err := s.CountJobs(s.ctx())
	require.NoError(s.t, err)
	deleted, err := s.DeleteEnded(s.ctx(), []string{old.ID, running, pending.ID, "unknown"})
	require.NoError(s.t, err)
	require.Equal(s.t, 1, deleted, "only what ended")
	left, err := s.CountJobs(s.ctx())
	require.NoError(s.t, err)
	require.Equal(s.t, n-1, left)
	_, err = s.Get(s.ctx(), old.ID)
	require.True(s.t, fault.Is(err, fault.NotFound), "%v", err)
	s.get(running)
	s.get(pending.ID)
	events, err := s.Events(s.ctx(), old.ID, 0, 10)
	require.NoError(s.t, err)
	require.Empty(s.t, events)
	attempts, err := s.Attempts(s.ctx(), old.ID)
	require.NoError(s.t, err)
	require.Empty(s.t, attempts)
	nodes, err := s.Nodes(s.ctx(), old.ID, 1)
	require.NoError(s.t, err)
	require.Empty(s.t, nodes)
}

// oldWorkers: rows of workers go once they ended and hold nothing.
func (s *suite) oldWorkers() {
	s.running("holds", nil) // before it is lost: after that it is given none
	for id, state := range map[string]store.WorkerState{"up": store.WorkerReady, "gone": store.WorkerStopped, "holds": store.WorkerLost} {
		require.NoError(s.t, s.SaveWorker(s.ctx(), store.Worker{ID: id, State: state, Projects: []string{}, StartedAt: s.clock.Now()}))
	}
	s.clock.Add(time.Hour)
	require.NoError(s.t, s.DeleteWorkers(s.ctx(), s.clock.Now()))
	workers, err := s.Workers(s.ctx(), time.Time{})
	require.NoError(s.t, err)
	var ids []string
	for _, w := range workers {
		ids = append(ids, w.ID)
	}
	require.ElementsMatch(s.t, []string{"up", "holds"}, ids)
}
