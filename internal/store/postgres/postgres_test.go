package postgres_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/postgres"
	"github.com/kedrod/kedrod/internal/store/storetest"
	"github.com/kedrod/kedrod/test/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }

func open(t *testing.T, url string, clock *storetest.Clock) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), url, postgres.Options{Now: clock.Now, Rand: func() float64 { return 0 }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func newJob(id string) job.Job {
	return job.Job{ID: id, Project: "p", Pipeline: "x", Status: job.Pending, CreatedAt: time.Unix(0, 0).UTC(), Queue: job.Queue{Timeout: time.Minute, MaxAttempts: 1}}
}

// execute runs statements beside the store.
func execute(t testing.TB, url, q string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	_, err = c.Exec(t.Context(), q)
	require.NoError(t, err)
	require.NoError(t, c.Close(t.Context()))
}

// TestManyStartAtOnce: one of them makes the tables, and all can use them.
func TestManyStartAtOnce(t *testing.T) {
	url := pgtest.Database(t)
	var wg sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		wg.Go(func() {
			s, err := postgres.Open(t.Context(), url, postgres.Options{})
			if errs[i] = err; err == nil {
				_, _, errs[i] = s.Submit(t.Context(), newJob(string(rune('a'+i))), nil)
				_ = s.Close()
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
}

func TestADatabaseOfALaterMajorVersionIsLeftAlone(t *testing.T) {
	url := pgtest.Database(t)
	open(t, url, storetest.NewClock())
	execute(t, url, `UPDATE kedrod_schema SET major = 2`)
	_, err := postgres.Open(t.Context(), url, postgres.Options{})
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	require.ErrorContains(t, err, "later major version")
}

func TestTablesOfAnotherProgramAreLeftAlone(t *testing.T) {
	url := pgtest.Database(t)
	execute(t, url, `CREATE TABLE jobs (id TEXT)`)
	_, err := postgres.Open(t.Context(), url, postgres.Options{})
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	require.ErrorContains(t, err, "another program")
}

// TestAServerThatIsAwayIsUnavailable: and nothing of the URL is told, which has a
// password in it.
func TestAServerThatIsAwayIsUnavailable(t *testing.T) {
	for name, url := range map[string]string{
		"nobody listens": "postgres://someone:secret@127.0.0.1:1/base",
		"no such host":   "postgres://someone:secret@nowhere.invalid/base",
	} {
		_, err := postgres.Open(t.Context(), url, postgres.Options{})
		require.True(t, fault.Is(err, fault.Unavailable), "%s: %v", name, err)
		require.NotRegexp(t, "someone|secret|base", strings.ReplaceAll(err.Error(), "database", ""), name)
	}
	for _, url := range []string{"postgres://someone:secret@host:port/base", "secret"} {
		_, err := postgres.Open(t.Context(), url, postgres.Options{})
		require.True(t, fault.Is(err, fault.Invalid), "%v", err)
		require.NotContains(t, err.Error(), "secret")
	}
}

// TestAServerThatIsRestarted: calls fail as Unavailable while it is away, and go on once
// it is back.
func TestAServerThatIsRestarted(t *testing.T) {
	server := pgtest.Start(t, pgtest.Options{})
	s := open(t, server.Database(t), storetest.NewClock())
	_, _, err := s.Submit(t.Context(), newJob("one"), nil)
	require.NoError(t, err)
	require.NoError(t, server.Stop(pgtest.Immediate))
	_, _, err = s.Submit(t.Context(), newJob("two"), nil)
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	_, err = s.Get(t.Context(), "one")
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
	require.True(t, fault.Is(s.Check(t.Context()), fault.Unavailable))
	require.NoError(t, server.Restart())
	require.Eventually(t, func() bool { return s.Check(t.Context()) == nil }, 10*time.Second, 10*time.Millisecond)
	_, err = s.Get(t.Context(), "one")
	require.NoError(t, err)
}

// TestDurability holds connections to what invariant 1 rests on, also where the role has
// another setting.
func TestDurability(t *testing.T) {
	url := pgtest.Database(t)
	open(t, url, storetest.NewClock())
	for given, want := range map[string]string{"off": "on", "on": "on", "remote_apply": "remote_apply"} {
		s := open(t, url+"&synchronous_commit="+given, storetest.NewClock())
		got, err := s.Setting(t.Context(), "synchronous_commit")
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// TestColumnsOfTheStackWeReplace: other programs read this table.
func TestColumnsOfTheStackWeReplace(t *testing.T) {
	url := pgtest.Database(t)
	s := open(t, url, storetest.NewClock())
	_, _, err := s.Submit(t.Context(), newJob("one"), nil)
	require.NoError(t, err)
	c, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close(context.WithoutCancel(t.Context()))) }()
	found, err := c.Query(t.Context(), `SELECT column_name FROM information_schema.columns WHERE table_name = 'jobs' ORDER BY ordinal_position LIMIT 11`)
	require.NoError(t, err)
	names, err := pgx.CollectRows(found, pgx.RowTo[string])
	require.NoError(t, err)
	require.Equal(t, []string{"id", "pipeline_name", "user_id", "status", "parameters", "results", "error_message",
		"created_at", "started_at", "completed_at", "execution_time"}, names)
}

// TestTextsThatPostgreSQLDoesNotKnow: what a run says may hold anything.
func TestTextsThatPostgreSQLDoesNotKnow(t *testing.T) {
	s := open(t, pgtest.Database(t), storetest.NewClock())
	j := newJob("one")
	user := "a\x00b\xffc"
	j.UserID = &user
	_, _, err := s.Submit(t.Context(), j, nil)
	require.NoError(t, err)
	j, err = s.Get(t.Context(), "one")
	require.NoError(t, err)
	require.Equal(t, "a\uFFFDb\uFFFDc", *j.UserID)
}

// TestRepeatedSubmissions: of many callers with one key, one makes the job, and the
// others are given it.
func TestRepeatedSubmissions(t *testing.T) {
	s := open(t, pgtest.Database(t), storetest.NewClock())
	idem := &store.Idempotency{Key: "scope\x00key", Hash: "h"}
	made := make([]string, 8)
	var wg sync.WaitGroup
	for i := range made {
		wg.Go(func() {
			j, _, err := s.Submit(t.Context(), newJob(string(rune('a'+i))), idem)
			if err == nil {
				made[i] = j.ID
			}
		})
	}
	wg.Wait()
	require.NotEmpty(t, made[0])
	for _, id := range made {
		require.Equal(t, made[0], id)
	}
	_, err := s.RepeatedAll(t.Context(), *idem)
	require.NoError(t, err)
}
