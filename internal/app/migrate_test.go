package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/postgres"
	"github.com/kedrod/kedrod/internal/store/sqlite"
	"github.com/kedrod/kedrod/test/pgtest"
)

func quiet(string, int64, int64) {}

// table reads a whole table of a data folder, each row as names and values.
func table(t *testing.T, sn *sqlite.Snapshot, name string) (columns []string, found []map[string]any) {
	t.Helper()
	columns, err := sn.Columns(t.Context(), name)
	require.NoError(t, err)
	for row, err := range sn.Rows(t.Context(), name, columns) {
		require.NoError(t, err)
		values := map[string]any{}
		for i, c := range columns {
			values[c] = row[i]
		}
		found = append(found, values)
	}
	return columns, found
}

// tableThere is the same of a database.
func tableThere(t *testing.T, c *pgx.Conn, name string) (found []map[string]any) {
	t.Helper()
	rows, err := c.Query(t.Context(), "SELECT * FROM "+name)
	require.NoError(t, err)
	found, err = pgx.CollectRows(rows, pgx.RowToMap)
	require.NoError(t, err)
	for _, row := range found {
		for column, v := range row {
			switch v := v.(type) {
			case int32:
				row[column] = int64(v)
			case bool:
				row[column] = int64(0)
				if v {
					row[column] = int64(1)
				}
			}
		}
	}
	return found
}

func sorted(found []map[string]any) []string {
	texts := make([]string, len(found))
	for i, row := range found {
		texts[i] = fmt.Sprintf("%#v", row)
	}
	slices.Sort(texts)
	return texts
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close(context.Background())) })
	return c
}

// TestMigrateMovesEveryField: every row of every table, value by value.
func TestMigrateMovesEveryField(t *testing.T) {
	dir, url := history(t), pgtest.Database(t)
	told := map[string]int64{}
	done, err := Migrate(t.Context(), dir, url, func(table string, done, of int64) {
		require.LessOrEqual(t, done, of)
		told[table] = done
	})
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "runs"), done.Runs)
	require.Equal(t, done.Rows, told)
	require.Positive(t, done.Altered)

	s, err := sqlite.Open(t.Context(), filepath.Join(dir, "jobs.db"), sqlite.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	sn, err := s.Snapshot(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, sn.Close()) }()
	c := connect(t, url)
	tables, err := sn.Tables(t.Context())
	require.NoError(t, err)
	for _, name := range tables {
		if name == "registries" || name == "refreshes" || name == "writes" { // filled anew by whoever runs
			require.NotContains(t, done.Rows, name)
			continue
		}
		columns, want := table(t, sn, name)
		require.NotEmpty(t, want, name)
		require.EqualValues(t, len(want), done.Rows[name], name)
		got := tableThere(t, c, name)
		for _, column := range columns {
			require.True(t, slices.ContainsFunc(want, func(row map[string]any) bool { return row[column] != nil }), "no row has a value in %s.%s, so nothing shows that it is moved", name, column)
		}
		for _, row := range want {
			for column, v := range row {
				if text, ok := v.(string); ok && column == "idempotency_key" {
					row[column] = strings.ReplaceAll(text, "\x00", "\x01")
				} else if ok {
					row[column] = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
				}
			}
			if name == "workers" && row["state"] == "draining" {
				row["state"] = "lost"
			}
		}
		if name == "audit" { // one more tells of the move
			require.Equal(t, []any{"migrate", "jobs.db", "done"}, []any{got[len(got)-1]["call"], got[len(got)-1]["target"], got[len(got)-1]["outcome"]})
			got = got[:len(got)-1]
		}
		require.Equal(t, sorted(want), sorted(got), name)
	}

	p, err := postgres.Open(t.Context(), url, postgres.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close()) }()
	page, err := s.List(t.Context(), store.Filter{Limit: 100, Parameters: true, Results: true})
	require.NoError(t, err)
	there, err := p.List(t.Context(), store.Filter{Limit: 100, Parameters: true, Results: true})
	require.NoError(t, err)
	for i := range page.Jobs {
		if m := page.Jobs[i].ErrorMessage; m != nil {
			*m = strings.ReplaceAll(strings.ToValidUTF8(*m, "\uFFFD"), "\x00", "\uFFFD")
		}
	}
	require.Equal(t, page.Jobs, there.Jobs)
	first, err := p.RepeatedAll(t.Context(), store.Idempotency{Key: "batch", Hash: "hash"})
	require.NoError(t, err)
	require.Len(t, first, 2, "a batch can still be repeated")

	// Numbers go on behind those that followers have seen.
	last, err := s.LastEvent(t.Context())
	require.NoError(t, err)
	_, err = p.Update(t.Context(), submitted(101, time.Now()).ID, func(j *job.Job) error { j.RequestCancel(time.Now()); return nil })
	require.NoError(t, err)
	events, err := p.Events(t.Context(), "", last, 10)
	require.NoError(t, err)
	require.NotEmpty(t, events)
	jobs, err := p.Claim(t.Context(), store.Claim{Worker: "w", Limit: 10, Projects: []string{"other"}})
	require.NoError(t, err)
	require.NotEmpty(t, jobs, "what waited can be claimed")
}

// TestMigrateIsAllOrNothing: broken off in any table, nothing is there, and it can be begun
// anew.
func TestMigrateIsAllOrNothing(t *testing.T) {
	dir, url := history(t), pgtest.Database(t)
	for _, at := range []string{"keys", "jobs", "events"} {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := Migrate(ctx, dir, url, func(table string, _, _ int64) {
			if table == at {
				cancel()
			}
		})
		require.ErrorIs(t, err, context.Canceled, at)
		cancel()
		for _, name := range []string{"jobs", "events", "keys", "audit"} {
			require.Empty(t, tableThere(t, connect(t, url), name), at)
		}
	}
	done, err := Migrate(t.Context(), filepath.Join(dir, "jobs.db"), url, quiet)
	require.NoError(t, err)
	require.Positive(t, done.Rows["jobs"])
}

func TestMigrateRefuses(t *testing.T) {
	url := pgtest.Database(t)
	secret := strings.Replace(url, "postgres@", "postgres:hunter2@", 1)
	refused := func(t *testing.T, from, to string, code fault.Code, words ...string) {
		t.Helper()
		_, err := Migrate(t.Context(), from, to, quiet)
		require.True(t, fault.Is(err, code), "%v", err)
		for _, w := range words {
			require.ErrorContains(t, err, w)
		}
		require.NotContains(t, err.Error(), "hunter2")
	}
	t.Run("what is no store", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "jobs.db")
		refused(t, file, secret, fault.NotFound, file)
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		refused(t, file, secret, fault.Invalid, "no jobs.db of a kedrod", "kedrod import")
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Zero(t, info.Size(), "nothing is written to what is not ours")
	})
	dir := history(t)
	t.Run("a folder in use", func(t *testing.T) {
		held, err := openFolder(t.Context(), dir)
		require.NoError(t, err)
		defer func() { require.NoError(t, held.close()) }()
		refused(t, dir, secret, fault.Conflict, "uses the data folder "+dir, "stop it")
	})
	t.Run("a database that can't be reached or read", func(t *testing.T) {
		refused(t, dir, "postgres://u:hunter2@127.0.0.1:1/d", fault.Unavailable)
		refused(t, dir, "postgres://u:hunter2@h:port/d", fault.Invalid)
	})
	t.Run("jobs that run", func(t *testing.T) {
		dir := t.TempDir()
		s, err := sqlite.Open(t.Context(), filepath.Join(dir, "jobs.db"), sqlite.Options{})
		require.NoError(t, err)
		_, _, err = s.Submit(t.Context(), submitted(1, time.Now().UTC()), nil)
		require.NoError(t, err)
		_, err = s.Claim(t.Context(), store.Claim{Worker: "w", Limit: 1, Projects: []string{"other"}})
		require.NoError(t, err)
		require.NoError(t, s.Close())
		refused(t, dir, secret, fault.Conflict, "1 jobs", "start kedrod serve on it once")
	})
	t.Run("a database that is used or has a history", func(t *testing.T) {
		p, err := postgres.Open(t.Context(), url, postgres.Options{})
		require.NoError(t, err)
		defer func() { require.NoError(t, p.Close()) }()
		name := url[strings.LastIndex(url, "/")+1 : strings.Index(url, "?")]
		require.NoError(t, p.SaveWorker(t.Context(), store.Worker{ID: "w", State: store.WorkerReady, Projects: []string{}, StartedAt: time.Now()}))
		refused(t, dir, secret, fault.Conflict, name, "stop it")
		require.NoError(t, p.SaveWorker(t.Context(), store.Worker{ID: "w", State: store.WorkerStopped, Projects: []string{}, StartedAt: time.Now()}))
		_, _, err = p.Submit(t.Context(), submitted(1, time.Now().UTC()), nil)
		require.NoError(t, err)
		refused(t, dir, secret, fault.Conflict, name, "holds jobs already")
		require.Len(t, tableThere(t, connect(t, url), "jobs"), 1)
		require.Len(t, tableThere(t, connect(t, url), "workers"), 1)
	})
}

// TestMigrateTakesABackup: of which no service can be running.
func TestMigrateTakesABackup(t *testing.T) {
	dir, url := history(t), pgtest.Database(t)
	file := filepath.Join(t.TempDir(), "backup.db")
	require.NoError(t, Backup(t.Context(), dir, file))
	_, err := Migrate(t.Context(), file, url, quiet)
	require.NoError(t, err)
	_, err = os.Stat(filepath.Join(filepath.Dir(file), "serve.lock"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
