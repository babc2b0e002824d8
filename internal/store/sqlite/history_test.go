package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/sqlite"
)

// TestHistory holds the store to its speed with jobs that ended behind it. It prints
// what docs/benchmarks.md shows. By itself it takes a few jobs; `make history
// JOBS=1000000` takes more and keeps the file for the next time.
func TestHistory(t *testing.T) {
	n, dir := 20_000, t.TempDir()
	strict := false
	if text := os.Getenv("KEDROD_HISTORY_JOBS"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		require.NoError(t, err)
		strict = true
		if kept := os.Getenv("KEDROD_HISTORY_DIR"); kept != "" {
			dir = filepath.Join(kept, text)
			require.NoError(t, os.MkdirAll(dir, 0o700))
		}
	}
	path := filepath.Join(dir, "jobs.db")
	if _, err := os.Stat(path); err != nil {
		s := openReal(t, path+".new")
		require.NoError(t, s.Close())
		begun := time.Now()
		fill(t, path+".new", n)
		require.NoError(t, os.Rename(path+".new", path))
		t.Logf("%d jobs written in %s", n, time.Since(begun).Round(time.Second))
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	begun := time.Now()
	s := openReal(t, path)
	_, err = s.Held(t.Context())
	require.NoError(t, err)
	_, err = s.Workers(t.Context(), time.Now())
	require.NoError(t, err)
	_, _, err = s.Count(t.Context())
	require.NoError(t, err)
	started := time.Since(begun)
	t.Logf("start-up of the store: %s; file: %d MB", started.Round(time.Microsecond), info.Size()>>20)
	defer func() { require.NoError(t, s.Close()) }()

	// Times are judged by `make history` only; by itself this shows that every filter can
	// be read to its end.
	const limit = 10 * time.Millisecond
	if strict {
		assert.Less(t, started, time.Second)
	}
	for _, c := range historyFilters() {
		first, deep, items := pageTimes(t, s, c.filter, strict)
		t.Logf("%-28s first page p50 %8s p99 %8s, deep p50 %8s p99 %8s, %d jobs on the first", c.name, at(first, 50), at(first, 99), at(deep, 50), at(deep, 99), items)
		if strict {
			assert.Less(t, at(first, 99), limit, "first page of %s", c.name)
			assert.Less(t, at(deep, 99), limit, "deep pages of %s", c.name)
		}
	}
	writeTimes(t, s, openReal(t, filepath.Join(dir, "empty.db")), strict)
}

func openReal(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.NoError(t, err)
	return s
}

type historyFilter struct {
	name   string
	filter store.Filter
}

func historyFilters() []historyFilter {
	since := time.UnixMilli(1760000000000 + 7776000000/2)
	until := since.Add(24 * time.Hour)
	failed, done := []job.Status{job.Failed}, []job.Status{job.Completed}
	return []historyFilter{
		{"everything", store.Filter{}},
		{"500 a page", store.Filter{Limit: 500}},
		{"status failed", store.Filter{Statuses: failed}},
		{"status completed", store.Filter{Statuses: done}},
		{"status running (none)", store.Filter{Statuses: []job.Status{job.Running}}},
		{"three statuses", store.Filter{Statuses: []job.Status{job.Failed, job.Cancelled, job.Pending}}},
		{"pipeline, half of all", store.Filter{Pipelines: []string{"pipeline_0"}}},
		{"pipeline, one in 100", store.Filter{Pipelines: []string{"pipeline_5"}}},
		{"ten pipelines", store.Filter{Pipelines: names("pipeline_%d", 10)}},
		{"project, most", store.Filter{Projects: []string{"first"}}},
		{"project, rare", store.Filter{Projects: []string{"rare"}}},
		{"user", store.Filter{UserIDs: []string{"user_7"}}},
		{"user, rare", store.Filter{UserIDs: []string{"rare"}}},
		{"fifty users", store.Filter{UserIDs: names("user_%d", 50)}},
		{"submitted_by", store.Filter{SubmittedBy: []string{"key_3"}}},
		{"a label, one in 50", store.Filter{Labels: []string{"team:7"}}},
		{"a label, rare", store.Filter{Labels: []string{"team:rare"}}},
		{"two labels", store.Filter{Labels: []string{"team:7", "kind:3"}}},
		{"a label and failed", store.Filter{Labels: []string{"team:7"}, Statuses: failed}},
		{"created range", store.Filter{CreatedSince: &since, CreatedUntil: &until}},
		{"beginning of an id, few", store.Filter{IDs: []string{"0199c8f2"}}},
		{"beginning of an id, many", store.Filter{IDs: []string{"0199c8"}}},
		{"end of an id", store.Filter{IDs: []string{"3039f1"}}},
		{"q, found often", store.Filter{Query: "ValueError"}},
		{"q, found nowhere", store.Filter{Query: "nowhere to be found"}},
		{"user and failed", store.Filter{UserIDs: []string{"user_7"}, Statuses: failed}},
		{"rare user and failed", store.Filter{UserIDs: []string{"rare"}, Statuses: failed}},
		{"rare project and cancelled", store.Filter{Projects: []string{"rare"}, Statuses: []job.Status{job.Cancelled}}},
		{"all fields", store.Filter{
			Projects: []string{"first", "second"}, Pipelines: names("pipeline_%d", 3), Statuses: []job.Status{job.Failed, job.Completed},
			UserIDs: names("user_%d", 5), SubmittedBy: []string{"key_3", "key_8"}, CreatedSince: &since, Query: "or",
		}},
		{"status failed and since", store.Filter{Statuses: failed, CreatedSince: &since}},
	}
}

func names(format string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf(format, i)
	}
	return out
}

// pageTimes takes the time of first pages, and of pages that follow from each other
// and from places spread over all of history.
func pageTimes(t *testing.T, s *sqlite.Store, f store.Filter, strict bool) (first, deep []time.Duration, items int) {
	t.Helper()
	if f.Limit == 0 {
		f.Limit = 50
	}
	repeat := 20
	if strict {
		repeat = 300
	}
	page := func(f store.Filter) store.Page {
		p, err := s.List(t.Context(), f)
		require.NoError(t, err)
		return p
	}
	for range repeat {
		begun := time.Now()
		p := page(f)
		first = append(first, time.Since(begun))
		items, f.Cursor = len(p.Jobs), ""
	}
	for i := range repeat {
		created := time.UnixMilli(1760000000000 + 7776000000/int64(repeat)*int64(i))
		if f.CreatedUntil != nil {
			created = f.CreatedUntil.Add(-time.Duration(i) * time.Minute)
		}
		f.Cursor = sqlite.CursorAt(created)
		begun := time.Now()
		p := page(f)
		deep = append(deep, time.Since(begun))
		if f.Cursor = p.Next; p.Next != "" {
			begun = time.Now()
			page(f)
			deep = append(deep, time.Since(begun))
		}
	}
	slices.Sort(first)
	slices.Sort(deep)
	return first, deep, items
}

func at(sorted []time.Duration, percent int) time.Duration {
	return sorted[(len(sorted)-1)*percent/100].Round(10 * time.Microsecond)
}

// writeTimes compares submissions and whole passes through the queue with those of an
// empty store, in turn.
func writeTimes(t *testing.T, full, empty *sqlite.Store, strict bool) {
	t.Helper()
	defer func() { require.NoError(t, empty.Close()) }()
	rounds, jobs := 2, 400
	if strict {
		rounds, jobs = 7, 4000
	}
	var submits, passes [2][]time.Duration
	for round := range rounds {
		for i := range 2 {
			which := (i + round) % 2
			s := []*sqlite.Store{full, empty}[which]
			submit, pass := throughQueue(t, s, jobs)
			submits[which], passes[which] = append(submits[which], submit), append(passes[which], pass)
		}
	}
	for i := range 2 {
		slices.Sort(submits[i])
		slices.Sort(passes[i])
	}
	rate := func(d time.Duration) float64 { return float64(jobs) / d.Seconds() }
	t.Logf("submissions a second, 16 callers: %.0f with history, %.0f empty", rate(at(submits[0], 50)), rate(at(submits[1], 50)))
	t.Logf("claims and reports a second, 4 at a time: %.0f with history, %.0f empty", rate(at(passes[0], 50)), rate(at(passes[1], 50)))
}

// throughQueue submits jobs from 16 callers, then claims and reports them.
func throughQueue(t *testing.T, s *sqlite.Store, jobs int) (submit, pass time.Duration) {
	t.Helper()
	ctx := t.Context()
	begun := time.Now()
	var wg sync.WaitGroup
	for c := range 16 {
		wg.Go(func() {
			for i := c; i < jobs; i += 16 {
				if err := submitOne(ctx, s, i); err != nil {
					t.Errorf("submit: %v", err)
				}
			}
		})
	}
	wg.Wait()
	submit = time.Since(begun)
	begun = time.Now()
	for done := 0; done < jobs; {
		claimed, err := s.Claim(ctx, store.Claim{Worker: "w", Limit: 4, Projects: []string{"first"}})
		require.NoError(t, err)
		require.NotEmpty(t, claimed)
		for _, j := range claimed {
			o := job.Outcome{Status: job.Completed, EndedAt: job.Truncate(time.Now()), ExecutionTime: 1}
			_, err := s.Report(ctx, job.Ref{JobID: j.ID, Attempt: j.Attempt, Worker: "w"}, o, store.Advance{})
			require.NoError(t, err)
		}
		done += len(claimed)
	}
	return submit, time.Since(begun)
}

// submitted makes the ends of ids count, as the service does.
var submitted atomic.Uint32

func submitOne(ctx context.Context, s *sqlite.Store, i int) error {
	now := job.Truncate(time.Now())
	user, key := fmt.Sprintf("user_%d", i%300), fmt.Sprintf("key_%d", i%20)
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	j := job.Job{
		ID: id.String()[:30] + fmt.Sprintf("%06x", submitted.Add(1)), Project: "first", Pipeline: fmt.Sprintf("pipeline_%d", i%30), Status: job.Pending,
		UserID: &user, SubmittedBy: &key, CreatedAt: now, Queue: job.Queue{Timeout: time.Minute, MaxAttempts: 1},
	}
	_, _, err = s.Submit(ctx, j, nil)
	return err
}
