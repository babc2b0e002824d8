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
	"github.com/kedrod/kedrod/internal/store/storetest"
)

// TestHistory holds the store to its speed with jobs that ended behind it. It prints
// what docs/benchmarks.md shows. By itself it takes a few jobs; `make history
// JOBS=1000000` takes more and keeps the file for the next time.
func TestHistory(t *testing.T) {
	n, dir := 2_000, t.TempDir()
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

	// Times are judged by `make history` only.
	if strict {
		assert.Less(t, started, time.Second)
	}
	storetest.History(t, s, strict)
	writeTimes(t, s, openReal(t, filepath.Join(dir, "empty.db")), strict)
}

func openReal(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.NoError(t, err)
	return s
}

// writeTimes compares submissions and whole passes through the queue with those of an
// empty store, in turn.
func writeTimes(t *testing.T, full, empty *sqlite.Store, strict bool) {
	t.Helper()
	defer func() { require.NoError(t, empty.Close()) }()
	rounds, jobs := 1, 100
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
	t.Logf("submissions a second, 16 callers: %.0f with history, %.0f empty", rate(storetest.Percentile(submits[0], 50)), rate(storetest.Percentile(submits[1], 50)))
	t.Logf("claims and reports a second, 4 at a time: %.0f with history, %.0f empty", rate(storetest.Percentile(passes[0], 50)), rate(storetest.Percentile(passes[1], 50)))
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
