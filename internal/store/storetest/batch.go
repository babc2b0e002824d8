package storetest

import (
	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

func (s *suite) batch() {
	queue, off := s.Subscribe(store.TopicQueue)
	defer off()
	jobs := []job.Job{s.make(nil), s.make(func(j *job.Job) { j.Queue.Priority, j.Labels = 1, map[string]string{"team": "a"} }), s.make(nil)}
	require.NoError(s.t, s.SubmitAll(s.ctx(), jobs))
	s.woken(queue)
	for _, want := range jobs {
		require.Equal(s.t, want, s.get(want.ID))
		events, err := s.Events(s.ctx(), want.ID, 0, 10)
		require.NoError(s.t, err)
		require.Len(s.t, events, 1)
	}

	require.Equal(s.t, []string{jobs[1].ID}, s.ids(store.Filter{Labels: []string{"team:a"}}))

	fresh := s.make(nil)
	require.Error(s.t, s.SubmitAll(s.ctx(), []job.Job{fresh, jobs[0]}), "an id is there once")
	_, err := s.Get(s.ctx(), fresh.ID)
	require.Error(s.t, err, "all or none")
	events, err := s.Events(s.ctx(), fresh.ID, 0, 10)
	require.NoError(s.t, err)
	require.Empty(s.t, events)
	require.Len(s.t, s.claim("w", 10), len(jobs))
}
