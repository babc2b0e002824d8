package storetest

import (
	"errors"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

func (s *suite) amend() {
	amend := func(id string, a job.Amendment) job.Job {
		s.t.Helper()
		j, err := s.Amend(s.ctx(), id, func(j *job.Job) error { return j.Amend(a) })
		require.NoError(s.t, err)
		require.Equal(s.t, j, s.get(id))
		return j
	}
	first, second, third := s.submit(nil), s.submit(nil), s.submit(nil)
	queue, off := s.Subscribe(store.TopicQueue)
	defer off()
	require.Equal(s.t, 9, amend(third.ID, job.Amendment{Priority: ptr(9)}).Queue.Priority)
	s.woken(queue)
	later := job.Truncate(s.clock.Now().Add(time.Hour))
	require.Equal(s.t, &later, amend(first.ID, job.Amendment{SetRunAt: true, RunAt: &later}).Queue.RunAt)
	next, err := s.NextReady(s.ctx())
	require.NoError(s.t, err)
	require.Equal(s.t, &later, next)
	claimed := s.claim("w", 10)
	require.Len(s.t, claimed, 2, "one waits for its time")
	require.Equal(s.t, third.ID, claimed[0].ID, "the order is that of the new priority")
	require.Equal(s.t, second.ID, claimed[1].ID)
	amend(first.ID, job.Amendment{SetRunAt: true})
	require.Len(s.t, s.claim("w", 10), 1, "at once again")

	_, err = s.Amend(s.ctx(), first.ID, func(j *job.Job) error { return j.Amend(job.Amendment{Priority: ptr(1)}) })
	require.ErrorIs(s.t, err, job.ErrNotPending)
	require.Zero(s.t, s.get(first.ID).Queue.Priority)
	_, err = s.Amend(s.ctx(), "none", func(*job.Job) error { return nil })
	require.True(s.t, fault.Is(err, fault.NotFound))
}

func (s *suite) amendLabels() {
	j := s.submit(func(j *job.Job) { j.Labels = map[string]string{"team": "a", "kind": "x"} })
	_, err := s.Amend(s.ctx(), j.ID, func(j *job.Job) error {
		return j.Amend(job.Amendment{Labels: map[string]*string{"team": ptr("b"), "kind": nil, "new": ptr("")}})
	})
	require.NoError(s.t, err)
	require.Equal(s.t, map[string]string{"team": "b", "new": ""}, s.get(j.ID).Labels)
	require.Equal(s.t, map[string]string{"team": "a", "kind": "x"}, j.Labels, "a copy is not touched")
	for label, want := range map[string]int{"team:b": 1, "new:": 1, "team:a": 0, "kind:x": 0} {
		require.Len(s.t, s.ids(store.Filter{Labels: []string{label}}), want, label)
	}
	_, err = s.Amend(s.ctx(), j.ID, func(j *job.Job) error { return j.Amend(job.Amendment{NoLabels: true}) })
	require.NoError(s.t, err)
	require.Nil(s.t, s.get(j.ID).Labels)
	require.Empty(s.t, s.ids(store.Filter{Labels: []string{"team:b"}}))
}

func (s *suite) updateAll() {
	one, two := s.submit(nil), s.submit(nil)
	cancel := func(j *job.Job) error { j.RequestCancel(s.clock.Now()); return nil }
	refuse := errors.New("refused")
	err := s.UpdateAll(s.ctx(), []string{one.ID, two.ID}, func(j *job.Job) error {
		if j.ID == two.ID {
			return refuse
		}
		return cancel(j)
	})
	require.ErrorIs(s.t, err, refuse)
	require.Equal(s.t, job.Pending, s.get(one.ID).Status, "all or none")
	require.NoError(s.t, s.UpdateAll(s.ctx(), []string{one.ID, "gone", two.ID}, cancel))
	require.Equal(s.t, job.Cancelled, s.get(one.ID).Status)
	require.Equal(s.t, job.Cancelled, s.get(two.ID).Status)
}
