package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// drain: who is asked is draining from then on, says so with its own renewals too, and
// tells when it was asked first.
func (s *suite) drain() {
	w := store.Worker{
		ID: "w", Host: "h", PID: 7, Version: "1", State: store.WorkerReady, Slots: 2, Projects: []string{"proj"}, StartedAt: job.Truncate(s.clock.Now()),
	}
	other := w
	other.ID = "other"
	require.NoError(s.t, s.SaveWorker(s.ctx(), w))
	require.NoError(s.t, s.SaveWorker(s.ctx(), other))
	run, _ := s.running("w", nil)
	asked := func(id string) bool {
		yes, err := s.DrainRequested(s.ctx(), id)
		require.NoError(s.t, err)
		return yes
	}
	require.False(s.t, asked("w"))

	wake, unsubscribe := s.Subscribe(store.TopicDrain)
	defer unsubscribe()
	s.clock.Add(time.Minute)
	first := s.clock.Now()
	want := w
	want.State, want.DrainRequestedAt, want.SeenAt, want.Running = store.WorkerDraining, &first, w.StartedAt, []string{run.ID}
	got, err := s.RequestDrain(s.ctx(), "w")
	require.NoError(s.t, err)
	require.Equal(s.t, want, got)
	s.woken(wake)
	require.True(s.t, asked("w"))
	require.False(s.t, asked("other"))

	waits := s.submit(nil)
	require.Empty(s.t, s.claim("w", 9), "from the answer on it gets no more")
	require.Equal(s.t, waits.ID, s.claim("other", 9)[0].ID)

	s.clock.Add(time.Minute)
	got, err = s.RequestDrain(s.ctx(), "w")
	require.NoError(s.t, err)
	require.Equal(s.t, want, got, "asked once more")
	require.NoError(s.t, s.SaveWorker(s.ctx(), w))
	list, err := s.Workers(s.ctx(), s.clock.Now())
	require.NoError(s.t, err)
	want.SeenAt = s.clock.Now()
	require.Contains(s.t, list, want, "its own row does not make it ready again")

	w.State = store.WorkerStopped
	require.NoError(s.t, s.SaveWorker(s.ctx(), w))
	got, err = s.RequestDrain(s.ctx(), "w")
	require.NoError(s.t, err)
	require.Equal(s.t, store.WorkerStopped, got.State)
	other.State = store.WorkerStopped
	require.NoError(s.t, s.SaveWorker(s.ctx(), other))
	got, err = s.RequestDrain(s.ctx(), "other")
	require.NoError(s.t, err)
	require.Nil(s.t, got.DrainRequestedAt, "one that had ended")
	_, err = s.RequestDrain(s.ctx(), "absent")
	require.True(s.t, fault.Is(err, fault.NotFound), "%v", err)
}
