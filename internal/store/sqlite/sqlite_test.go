package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store/sqlite"
	"github.com/kedrod/kedrod/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, path string, clock *storetest.Clock) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{Now: clock.Now, Rand: func() float64 { return 0 }})
	require.NoError(t, err)
	return s
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T, clock *storetest.Clock) storetest.Store {
		t.Helper()
		s := open(t, filepath.Join(t.TempDir(), "jobs.db"), clock)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	})
}

// TestConformanceWithSmallWindows: however little a page looks at, the pages together
// hold what fits.
func TestConformanceWithSmallWindows(t *testing.T) {
	storetest.RunPages(t, func(t *testing.T, clock *storetest.Clock) storetest.Store {
		t.Helper()
		s := open(t, filepath.Join(t.TempDir(), "jobs.db"), clock)
		s.SetWindow(3)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	})
}

func newJob(id string) job.Job {
	return job.Job{ID: id, Project: "p", Pipeline: "x", Status: job.Pending, CreatedAt: time.Unix(0, 0).UTC(), Queue: job.Queue{Timeout: time.Minute, MaxAttempts: 1}}
}

func TestJobsAreThereAfterReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a folder ?#%.d", "jobs.db")
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	clock := storetest.NewClock()
	s := open(t, path, clock)
	_, _, err := s.Submit(t.Context(), newJob("one"), nil)
	require.NoError(t, err)
	require.NoError(t, s.Close())

	_, _, err = s.Submit(context.WithoutCancel(t.Context()), newJob("two"), nil)
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)

	s = open(t, path, clock)
	defer func() { require.NoError(t, s.Close()) }()
	j, err := s.Get(t.Context(), "one")
	require.NoError(t, err)
	require.Equal(t, job.Pending, j.Status)
}

// TestDurability holds the file to what invariant 1 rests on: WAL, and an fsync with
// every commit.
func TestDurability(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := open(t, path, storetest.NewClock())
	defer func() { require.NoError(t, s.Close()) }()
	mode, synchronous, err := s.Durability(t.Context())
	require.NoError(t, err)
	require.Equal(t, "wal", mode)
	require.Equal(t, 2, synchronous, "2 is FULL")
}

// TestColumnsOfTheStackWeReplace: other programs read this table.
func TestColumnsOfTheStackWeReplace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := open(t, path, storetest.NewClock())
	_, _, err := s.Submit(t.Context(), newJob("one"), nil)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	rows, err := db.QueryContext(t.Context(), "SELECT name FROM pragma_table_info('jobs') ORDER BY cid LIMIT 11")
	require.NoError(t, err)
	defer rows.Close()
	var names []string
	for rows.Next() {
		var n string
		require.NoError(t, rows.Scan(&n))
		names = append(names, n)
	}
	require.NoError(t, rows.Err())
	require.Equal(t, []string{"id", "pipeline_name", "user_id", "status", "parameters", "results", "error_message",
		"created_at", "started_at", "completed_at", "execution_time"}, names)
	var created, parameters string
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT created_at, parameters FROM jobs").Scan(&created, &parameters))
	require.Equal(t, "1970-01-01T00:00:00.000000+00:00", created)
	require.Equal(t, "{}", parameters)
}

func TestAFileThatIsNoDatabaseIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	require.NoError(t, os.WriteFile(path, []byte("this is not a database, and long enough to be read as one"), 0o600))
	_, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	require.ErrorContains(t, err, path)
}

// TestQueryPlans: the statements that run all the time stay on their indexes.
func TestQueryPlans(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	store := open(t, path, storetest.NewClock())
	plans, err := store.Plans(t.Context())
	require.NoError(t, err)
	require.NoError(t, store.Close())
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	for name, q := range plans {
		rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+q)
		require.NoError(t, err, name)
		var plan string
		for rows.Next() {
			var a, b, c any
			var detail string
			require.NoError(t, rows.Scan(&a, &b, &c, &detail))
			plan += detail + "\n"
		}
		require.NoError(t, rows.Err())
		require.NotContains(t, plan, "TEMP B-TREE", "%s sorts:\n%s", name, plan)
		require.NotRegexp(t, `created_at[<>]=?\?`, plan, "%s seeks by one end of its range and reads past the other:\n%s", name, plan)
		require.NotRegexp(t, `SCAN jobs\n`, plan, "%s reads the whole table:\n%s", name, plan)
		require.NoError(t, rows.Close())
	}
}

// TestAPartThatFailsIsUndoneAlone: parts share a transaction, and what one has
// written before it fails goes, while its neighbours' writes stay.
func TestAPartThatFailsIsUndoneAlone(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "jobs.db"), storetest.NewClock())
	defer func() { require.NoError(t, s.Close()) }()
	refuse := errors.New("refused")
	const parts = 100
	errs := make([]error, parts)
	var wg sync.WaitGroup
	for i := range parts {
		wg.Go(func() {
			errs[i] = s.Write(t.Context(), func(exec func(string) error) error {
				if err := exec(fmt.Sprintf("INSERT INTO events (job_id, attempt, type, at, data) VALUES ('%d', 0, 'x', '2026-01-01T00:00:00.000000+00:00', '{}')", i)); err != nil {
					return err
				}
				if i%2 == 1 {
					return refuse
				}
				return nil
			})
		})
	}
	wg.Wait()
	events, err := s.Events(t.Context(), "", 0, 1000)
	require.NoError(t, err)
	require.Len(t, events, parts/2)
	for _, e := range events {
		n, err := strconv.Atoi(e.JobID)
		require.NoError(t, err)
		require.Zero(t, n%2, "written by a part that failed")
		require.NoError(t, errs[n])
	}
}
