package executor_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/clock"
	"github.com/kedrod/kedrod/internal/executor"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/joblog"
	"github.com/kedrod/kedrod/internal/kedro"
	"github.com/kedrod/kedrod/internal/rundir"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/sqlite"
	"github.com/kedrod/kedrod/internal/worker"
)

type noCatalog struct{}

func (noCatalog) Snapshot() (kedro.Registry, bool) { return kedro.Registry{}, false }
func (noCatalog) FullRegistry() bool               { return false }

// looked counts how often the worker looks for what to do, which it does with no free slot too.
type looked struct {
	*sqlite.Store
	n atomic.Int64
}

func (l *looked) ExpireDue(ctx context.Context) error {
	l.n.Add(1)
	return l.Store.ExpireDue(ctx)
}

// TestAStuckRunKeepsItsSlot: a cancel whose process can't be killed is no `cancelled`, and nothing runs in its place until it is gone. The test stands
// here because only this room can have a process outlive SIGKILL.
func TestAStuckRunKeepsItsSlot(t *testing.T) {
	const patience = 30 * time.Second
	dir := t.TempDir()
	db, err := sqlite.Open(t.Context(), filepath.Join(dir, "jobs.db"), sqlite.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	python := filepath.Join(dir, "python")
	require.NoError(t, os.WriteFile(python, []byte("#!/bin/sh\n[ -e stuck ] && exit 0\ntouch stuck\ntrap '' INT TERM\nwhile :; do sleep 0.1; done\n"), 0o700))
	id := fmt.Sprintf("w%d-%s", os.Getpid(), t.Name())
	e, err := executor.New(t.Context(), executor.Options{WorkerID: id, StuckAfter: 100 * time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close(context.WithoutCancel(t.Context()))) })
	var immortal atomic.Bool
	immortal.Store(true)
	e.Immortal(immortal.Load)
	st := &looked{Store: db}
	w := worker.New(worker.Options{
		Wall: time.Now, Boot: clock.SinceBoot, Self: store.Worker{ID: id, Slots: 1, Host: "this-host", StartedAt: job.Truncate(time.Now())}, Store: st, Starter: e,
		Projects: []*worker.Project{{Name: "p", Path: dir, Python: python, Catalog: noCatalog{}, Environ: os.Environ()}},
		Runs:     rundir.New(filepath.Join(dir, "runs")), Drain: time.Millisecond,
		Watcher: joblog.NewWatcher(joblog.Options{}), Log: slog.New(slog.DiscardHandler),
	})
	submit := func(id string) {
		_, _, err := db.Submit(t.Context(), job.Job{
			ID: id, Project: "p", Pipeline: "x", Status: job.Pending, CreatedAt: job.Truncate(time.Now()),
			Queue: job.Queue{Timeout: time.Minute, MaxAttempts: 1},
		}, nil)
		require.NoError(t, err)
	}
	get := func(id string) job.Job {
		j, err := db.Get(t.Context(), id)
		require.NoError(t, err)
		return j
	}
	submit("first")
	require.NoError(t, w.Enter(t.Context()))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() { immortal.Store(false); stop(); w.Kill(); require.NoError(t, <-done) })

	require.Eventually(t, func() bool { _, err := os.Stat(filepath.Join(dir, "stuck")); return err == nil }, patience, 5*time.Millisecond)
	submit("second")
	_, err = db.Update(t.Context(), "first", func(j *job.Job) error { j.RequestCancel(time.Now()); return nil })
	require.NoError(t, err)
	require.Eventually(t, func() bool { return get("first").Status.Terminal() }, patience, 5*time.Millisecond)
	got := get("first")
	require.Equal(t, job.Failed, got.Status, "cancelled would mean that nothing of it is alive")
	require.Equal(t, job.StuckProcess, got.Reason)
	named := regexp.MustCompile(`pids \[(\d+).*this-host`).FindStringSubmatch(*got.ErrorMessage)
	require.Len(t, named, 2, *got.ErrorMessage)
	leader, err := strconv.Atoi(named[1])
	require.NoError(t, err)

	looks := st.n.Load()
	require.Eventually(t, func() bool { return st.n.Load() >= looks+2 }, patience, 5*time.Millisecond)
	require.Equal(t, job.Pending, get("second").Status, "the slot is the stuck one's")
	immortal.Store(false)
	require.NoError(t, syscall.Kill(leader, syscall.SIGKILL)) // the one sent before would have waited for it
	require.Eventually(t, func() bool { return get("second").Status == job.Completed }, patience, 5*time.Millisecond)
}
