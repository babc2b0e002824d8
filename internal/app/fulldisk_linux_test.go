package app

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kedrod/kedrod/internal/disk"
	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/metrics"
	"github.com/kedrod/kedrod/internal/service"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/sqlite"
)

// smallDisk gives a folder on a disk of 40 MB of its own, where this user may mount
// one; else an ordinary one, with a fill that only counts.
func smallDisk(t *testing.T) (dir string, free func(string) (uint64, error), fill func() (undo func())) {
	t.Helper()
	dir = t.TempDir()
	if unix.Mount("none", dir, "tmpfs", 0, "size=40m") == nil {
		t.Cleanup(func() { require.NoError(t, unix.Unmount(dir, unix.MNT_DETACH)) })
		return dir, service.FreeBytes, func() func() {
			filler := filepath.Join(dir, "filler")
			f, err := os.Create(filler)
			require.NoError(t, err)
			block := bytes.Repeat([]byte{1}, 4096)
			for err == nil {
				_, err = f.Write(block)
			}
			require.ErrorIs(t, err, unix.ENOSPC)
			_ = f.Close()
			return func() { require.NoError(t, os.Remove(filler)) }
		}
	}
	full := false
	return dir, func(string) (uint64, error) {
			if full {
				return 0, nil
			}
			return 1 << 30, nil
		}, func() func() {
			full = true
			return func() { full = false }
		}
}

func newJobs(name string, n int) []job.Job {
	jobs := make([]job.Job, n)
	for i := range jobs {
		jobs[i] = job.Job{ID: fmt.Sprintf("%s-%d", name, i), Project: "p", Pipeline: "x", Status: job.Pending, CreatedAt: job.Truncate(time.Now()),
			Queue: job.Queue{Timeout: time.Minute, MaxAttempts: 1}}
	}
	return jobs
}

// TestAFullDisk: the end of a run is still recorded, nothing new begins, and all goes
// on by itself when there is space again.
func TestAFullDisk(t *testing.T) {
	dir, free, fill := smallDisk(t)
	db, err := sqlite.Open(t.Context(), filepath.Join(dir, "jobs.db"), sqlite.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	keeper := disk.New(disk.Options{Dir: dir, Ballast: 16 << 20, MinFree: 8 << 20, Free: free, Log: slog.New(slog.DiscardHandler)})
	require.FileExists(t, filepath.Join(dir, "ballast"))
	s := &spared{counted: &counted{jobStore: db, m: metrics.New(metrics.Options{})}, disk: keeper}
	submit := func(id string) error {
		_, _, err := s.Submit(t.Context(), job.Job{ID: id, Project: "p", Pipeline: "x", Status: job.Pending, CreatedAt: job.Truncate(time.Now()),
			Parameters: fmt.Appendf(nil, `{"x":"%0100000d"}`, 1), Queue: job.Queue{Timeout: time.Minute, MaxAttempts: 1}}, nil)
		return err
	}
	require.NoError(t, submit("running"))
	require.NoError(t, submit("waiting"))
	claimed, err := s.Claim(t.Context(), store.Claim{Worker: "w", Limit: 1, Projects: []string{"p"}})
	require.NoError(t, err)
	require.Len(t, claimed, 1)

	undo := fill()
	var accepted []string
	for i := 0; ; i++ { // until what the WAL had left is used up
		require.Less(t, i, 1000)
		id := fmt.Sprintf("more-%d", i)
		if err = submit(id); err != nil {
			break
		}
		accepted = append(accepted, id)
		keeper.Look()
	}
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	require.ErrorContains(t, err, "free some space")
	require.True(t, keeper.Full())
	require.NoFileExists(t, filepath.Join(dir, "ballast"))

	ref := job.Ref{JobID: claimed[0].ID, Attempt: 1, Worker: "w"}
	_, err = s.Report(t.Context(), ref, job.Outcome{Status: job.Completed, EndedAt: job.Truncate(time.Now())}, store.Advance{})
	require.NoError(t, err, "the end fits into what the ballast held")
	err = submit("refused")
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	many := newJobs("batch", 3)
	_, err = s.SubmitAll(t.Context(), many, nil)
	require.True(t, fault.Is(err, fault.Unavailable), "what the ballast held is for ends: %v", err)
	none, err := s.Claim(t.Context(), store.Claim{Worker: "w", Limit: 1, Projects: []string{"p"}})
	require.NoError(t, err)
	require.Empty(t, none)

	undo()
	keeper.Look()
	require.False(t, keeper.Full())
	require.FileExists(t, filepath.Join(dir, "ballast"))
	require.NoError(t, submit("after"))
	claimed, err = s.Claim(t.Context(), store.Claim{Worker: "w", Limit: 100, Projects: []string{"p"}})
	require.NoError(t, err)
	_, err = s.SubmitAll(t.Context(), many, nil)
	require.NoError(t, err)
	require.Len(t, claimed, 2+len(accepted), "what was accepted is there, what was refused is not")
}
