package retention_test

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/retention"
)

// TestFoldersOfJobsThatOthersDeleted go a day later, where others may delete jobs, and
// nothing else goes with them.
func TestFoldersOfJobsThatOthersDeleted(t *testing.T) {
	p := newPlace(t)
	kept, running := p.add(job.Completed), p.add(job.Running)
	folder := func(id string) {
		dir := p.runs.Attempt(id, 1)
		require.NoError(t, dir.Make())
		require.NoError(t, os.Chtimes(dir.Path, p.now, p.now))
	}
	const old, fresh = "0199c0de-0000-7000-8000-00000000aaaa", "0199c0de-0000-7000-8000-00000000bbbb"
	folder(old)
	p.now = p.now.Add(2 * day)
	folder(fresh)
	keeper := func(shared bool) *retention.Keeper {
		return retention.New(retention.Options{
			Store: p.s, Runs: p.runs, Shared: shared, Now: func() time.Time { return p.now }, Elapsed: p.elapsed, Pause: time.Nanosecond, Log: slog.New(slog.DiscardHandler),
		})
	}
	require.NoError(t, keeper(false).Sweep(t.Context()))
	require.ElementsMatch(t, []string{kept, running, old, fresh}, p.folders())
	require.NoError(t, keeper(true).SweepLocal(t.Context()))
	require.ElementsMatch(t, []string{kept, running, fresh}, p.folders())
}

// busy is a store where another process is at every duty.
type busy struct{ retention.Store }

func (busy) Alone(context.Context, string, func(context.Context) error) (bool, error) {
	return false, nil
}

// TestAnotherSweeps: then this process deletes what lies on its own disk alone.
func TestAnotherSweeps(t *testing.T) {
	p := newPlace(t)
	ended := p.add(job.Completed)
	p.now = p.now.Add(2 * day)
	o := retention.Options{
		Store: busy{p.s}, Runs: p.runs, Keep: retention.Keep{Jobs: day, Logs: day}, Now: func() time.Time { return p.now }, Elapsed: p.elapsed,
		Pause: time.Nanosecond, Log: slog.New(slog.DiscardHandler),
	}
	require.NoError(t, retention.New(o).Sweep(t.Context()))
	require.Equal(t, []string{ended}, p.jobs())
	require.Empty(t, p.folders())
	o.Store = p.s
	require.NoError(t, retention.New(o).Sweep(t.Context()))
	require.Empty(t, p.jobs())
}
