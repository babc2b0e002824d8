package worker_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store/sqlite"
)

// shifted is a store whose clock can be stepped, and which notes what it is told of it.
type shifted struct {
	*sqlite.Store
	failing atomic.Bool
	by      chan time.Duration
}

func (s *shifted) ShiftTries(ctx context.Context, by time.Duration) error {
	if s.failing.Swap(false) {
		return errors.New("the disk is full")
	}
	if err := s.Store.ShiftTries(ctx, by); err != nil {
		return err
	}
	s.by <- by
	return nil
}

// TestStepsOfTheClockReachTheStore once each, also when it could not take one at first;
// what runs goes on.
func TestStepsOfTheClockReachTheStore(t *testing.T) {
	r := newRig(t)
	var stepped atomic.Int64
	r.opts.Wall = func() time.Time { return time.Now().Add(time.Duration(stepped.Load())) }
	s := &shifted{Store: r.db, by: make(chan time.Duration, 9)}
	r.store = s
	_, stop := r.start()
	run := r.submit("sleep", nil)
	r.begun(run.ID, 1)
	for _, step := range []time.Duration{time.Hour, -2 * time.Hour} {
		s.failing.Store(true)
		stepped.Add(int64(step))
		select {
		case by := <-s.by:
			require.InDelta(t, step.Seconds(), by.Seconds(), 1)
		case <-time.After(20 * time.Second):
			require.FailNow(t, "the store was not told")
		}
		j := r.get(run.ID)
		require.Equal(t, job.Running, j.Status, "%s %v", j.Reason, j.ErrorMessage)
	}
	stop()
	require.Empty(t, s.by, "each step is told once")
}
