package app

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/executor"
	"github.com/kedrod/kedrod/internal/fault"
)

type settled []string

func (s *settled) RecoverFrom(_ context.Context, dead string) error {
	*s = append(*s, dead)
	return nil
}

func (*settled) ReportLeft(context.Context, string) (bool, error) { return false, nil }

// TestWhatCannotBeKilledIsLeftToItsLease, where there are leases: the process starts all
// the same, and finds the lock at the next look. Without leases the start fails. That
// nothing can be killed is that there is no time for it.
func TestWhatCannotBeKilledIsLeftToItsLease(t *testing.T) {
	dir := t.TempDir()
	for _, id := range []string{"one", "two"} {
		e, err := executor.New(t.Context(), executor.Options{WorkerID: id, LockFile: executor.LockFile(workerLocks(dir), id)})
		require.NoError(t, err)
		require.NoError(t, e.Close(t.Context()))
	}
	var by settled
	var log bytes.Buffer
	s := settling{dataDir: dir, by: &by, killTime: time.Nanosecond, leased: true, log: slog.New(slog.NewTextHandler(&log, nil))}
	require.NoError(t, s.locks(t.Context()))
	require.Empty(t, by, "its jobs are its own until its lease is over")
	require.Contains(t, log.String(), "left to its lease")

	s.leased = false
	err := s.locks(t.Context())
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	require.ErrorContains(t, err, "worker one")
	require.ErrorContains(t, err, "worker two")
	require.Empty(t, by)

	s.killTime, s.leased = time.Minute, true
	require.NoError(t, s.locks(t.Context()))
	require.Equal(t, settled{"one", "two"}, by, "both locks were free for another look")
	left, err := executor.LeftLocks(t.Context(), workerLocks(dir))
	require.NoError(t, err)
	require.Empty(t, left)
}
