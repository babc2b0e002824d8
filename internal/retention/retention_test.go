package retention_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/retention"
	"github.com/kedrod/kedrod/internal/rundir"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/sqlite"
)

// place is a store with run folders, and a clock.
type place struct {
	t    *testing.T
	s    *sqlite.Store
	runs rundir.Root
	dir  string
	now  time.Time
	off  time.Duration // of which the clock was stepped
	n    int
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{t: t, dir: t.TempDir(), now: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)}
	var err error
	p.s, err = sqlite.Open(t.Context(), filepath.Join(p.dir, "jobs.db"), sqlite.Options{Now: func() time.Time { return p.now }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.s.Close()) })
	p.runs = rundir.New(filepath.Join(p.dir, "runs"))
	return p
}

func (p *place) keeper(keep retention.Keep) *retention.Keeper {
	return retention.New(retention.Options{
		Store: p.s, Runs: p.runs, Keep: keep, Now: func() time.Time { return p.now }, Elapsed: p.elapsed, Pause: time.Nanosecond, Log: slog.New(slog.DiscardHandler),
	})
}

func (p *place) elapsed() time.Duration { return time.Duration(p.now.UnixNano()) - p.off }

// step sets the clock.
func (p *place) step(by time.Duration) { p.now, p.off = p.now.Add(by), p.off+by }

// add makes a job: pending, running, or one that ended now, with its folder.
func (p *place) add(status job.Status) string {
	p.t.Helper()
	p.n++
	id := fmt.Sprintf("0199c0de-0000-7000-8000-%012d", p.n)
	_, _, err := p.s.Submit(p.t.Context(), job.Job{
		ID: id, Project: string(status), Pipeline: "p", Status: job.Pending, CreatedAt: p.now, Queue: job.Queue{Timeout: time.Minute, MaxAttempts: 1},
	}, nil)
	require.NoError(p.t, err)
	if status == job.Pending {
		return id
	}
	claimed, err := p.s.Claim(p.t.Context(), store.Claim{Worker: "w", Limit: 1, Projects: []string{string(status)}})
	require.NoError(p.t, err)
	require.Len(p.t, claimed, 1)
	dir := p.runs.Attempt(id, 1)
	require.NoError(p.t, dir.Make())
	require.NoError(p.t, os.WriteFile(dir.Log(), make([]byte, 1<<20), 0o600))
	require.NoError(p.t, os.Chtimes(dir.Path, p.now, p.now))
	if status.Terminal() {
		_, err = p.s.Report(p.t.Context(), job.Ref{JobID: id, Attempt: 1, Worker: "w"}, job.Outcome{Status: status, EndedAt: p.now}, store.Advance{})
		require.NoError(p.t, err)
	}
	return id
}

func (p *place) jobs() []string {
	p.t.Helper()
	page, err := p.s.List(p.t.Context(), store.Filter{Limit: 500})
	require.NoError(p.t, err)
	var ids []string
	for i := range page.Jobs {
		ids = append(ids, page.Jobs[i].ID)
	}
	return ids
}

func (p *place) folders() []string {
	p.t.Helper()
	var ids []string
	require.NoError(p.t, p.runs.Each(func(f rundir.Found) error { ids = append(ids, f.ID); return nil }))
	return ids
}

const day = 24 * time.Hour

// TestWhatHasNotEndedStays is the invariant: however old, however many, and whatever
// rule, a job that waits or runs keeps its row and its folder.
func TestWhatHasNotEndedStays(t *testing.T) {
	p := newPlace(t)
	pending, running := p.add(job.Pending), p.add(job.Running)
	for range 60 {
		p.add(job.Completed)
	}
	p.now = p.now.Add(365 * day)
	k := p.keeper(retention.Keep{Jobs: time.Second, JobsCount: 1, Logs: time.Second, RunsSize: 1})
	require.NoError(t, k.Sweep(t.Context()))
	require.ElementsMatch(t, []string{pending, running}, p.jobs())
	require.Equal(t, []string{running}, p.folders())
}

func TestByAge(t *testing.T) {
	p := newPlace(t)
	p.add(job.Completed)
	p.add(job.Failed)
	p.now = p.now.Add(20 * day)
	young := p.add(job.Completed)
	p.now = p.now.Add(75 * day)
	require.NoError(t, p.keeper(retention.Keep{Jobs: 90 * day}).Sweep(t.Context()))
	require.Equal(t, []string{young}, p.jobs())
	require.Equal(t, []string{young}, p.folders())
	require.NoError(t, p.keeper(retention.Keep{Logs: 30 * day}).Sweep(t.Context()))
	require.Equal(t, []string{young}, p.jobs(), "its log went, it stays")
	require.Empty(t, p.folders())
}

func TestByCount(t *testing.T) {
	p := newPlace(t)
	var all []string
	for range 70 {
		all = append([]string{p.add(job.Completed)}, all...)
		p.now = p.now.Add(time.Second)
	}
	require.NoError(t, p.keeper(retention.Keep{JobsCount: 30}).Sweep(t.Context()))
	require.Equal(t, all[:30], p.jobs())
	require.Len(t, p.folders(), 30)
}

func TestBySize(t *testing.T) {
	p := newPlace(t)
	for range 10 {
		p.add(job.Completed)
		p.now = p.now.Add(2 * time.Hour)
	}
	require.NoError(t, p.keeper(retention.Keep{RunsSize: 4500 << 10}).Sweep(t.Context()))
	require.Len(t, p.jobs(), 10)
	require.Len(t, p.folders(), 4)
}

// TestFoldersWithoutAJob go after a day; what is not ours stays.
func TestFoldersWithoutAJob(t *testing.T) {
	p := newPlace(t)
	orphan := p.runs.Attempt("0199c0de-0000-7000-8000-0000000000ff", 1)
	require.NoError(t, orphan.Make())
	long := p.runs.Attempt(string(make([]byte, 300)), 1) // its name is a hash
	require.NoError(t, long.Make())
	strange := filepath.Join(p.dir, "runs", "ff", "notes")
	require.NoError(t, os.MkdirAll(strange, 0o700))
	for _, dir := range []string{orphan.Path, long.Path, strange} {
		require.NoError(t, os.Chtimes(dir, p.now, p.now))
	}
	k := p.keeper(retention.Keep{Logs: time.Hour})
	p.now = p.now.Add(2 * time.Hour)
	require.NoError(t, k.Sweep(t.Context()))
	require.DirExists(t, orphan.Path)
	p.now = p.now.Add(day)
	require.NoError(t, k.Sweep(t.Context()))
	require.NoDirExists(t, orphan.Path)
	require.DirExists(t, long.Path)
	require.DirExists(t, strange)
}
