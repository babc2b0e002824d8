package storetest

import (
	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

func (s *suite) batch() {
	queue, off := s.Subscribe(store.TopicQueue)
	defer off()
	jobs := []job.Job{s.make(nil), s.make(func(j *job.Job) { j.Queue.Priority, j.Labels = 1, map[string]string{"team": "a"} }), s.make(nil)}
	require.NoError(s.t, failure(s.SubmitAll(s.ctx(), jobs, nil)))
	s.woken(queue)
	for _, want := range jobs {
		require.Equal(s.t, want, s.get(want.ID))
		events, err := s.Events(s.ctx(), want.ID, 0, 10)
		require.NoError(s.t, err)
		require.Len(s.t, events, 1)
	}

	require.Equal(s.t, []string{jobs[1].ID}, s.ids(store.Filter{Labels: []string{"team:a"}}))

	fresh := s.make(nil)
	require.Error(s.t, failure(s.SubmitAll(s.ctx(), []job.Job{fresh, jobs[0]}, nil)), "an id is there once")
	_, err := s.Get(s.ctx(), fresh.ID)
	require.Error(s.t, err, "all or none")
	events, err := s.Events(s.ctx(), fresh.ID, 0, 10)
	require.NoError(s.t, err)
	require.Empty(s.t, events)
	require.Len(s.t, s.claim("w", 10), len(jobs))
}

// repeatedBatch: a batch with a known key writes nothing and gives the first jobs.
func (s *suite) repeatedBatch() {
	idem := store.Idempotency{Key: "caller\x00key", Hash: "one"}
	three := func() []job.Job { return []job.Job{s.make(nil), s.make(nil), s.make(nil)} }
	jobs := three()
	none, err := s.RepeatedAll(s.ctx(), idem)
	require.NoError(s.t, err)
	require.Empty(s.t, none)
	first, err := s.SubmitAll(s.ctx(), jobs, &idem)
	require.NoError(s.t, err)
	require.Nil(s.t, first, "these are new")

	again := three()
	first, err = s.SubmitAll(s.ctx(), again, &idem)
	require.NoError(s.t, err)
	require.Equal(s.t, jobs, first)
	first, err = s.RepeatedAll(s.ctx(), idem)
	require.NoError(s.t, err)
	require.Equal(s.t, jobs, first)
	_, err = s.Get(s.ctx(), again[0].ID)
	require.Error(s.t, err)

	other := store.Idempotency{Key: idem.Key, Hash: "two"}
	require.True(s.t, fault.Is(failure(s.SubmitAll(s.ctx(), again, &other)), fault.Conflict))
	require.True(s.t, fault.Is(failure(s.RepeatedAll(s.ctx(), other)), fault.Conflict))

	// The key of a single submission is another, and so is one that begins like it.
	_, existed, err := s.Submit(s.ctx(), s.make(nil), &idem)
	require.NoError(s.t, err)
	require.False(s.t, existed)
	longer := store.Idempotency{Key: idem.Key + "2", Hash: "one"}
	first, err = s.SubmitAll(s.ctx(), again, &longer)
	require.NoError(s.t, err)
	require.Nil(s.t, first)

	// What was deleted since is not given, nor made anew.
	s.end(s.claim("w", 1)[0])
	n, err := s.DeleteEnded(s.ctx(), []string{jobs[0].ID})
	require.NoError(s.t, err)
	require.Equal(s.t, 1, n)
	first, err = s.RepeatedAll(s.ctx(), idem)
	require.NoError(s.t, err)
	require.Equal(s.t, []string{jobs[1].ID, jobs[2].ID}, []string{first[0].ID, first[1].ID})
	require.Len(s.t, first, 2)
}

// failure is what a call of two results came to.
func failure(_ []job.Job, err error) error { return err }
