package postgres_test

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/postgres"
	"github.com/kedrod/kedrod/test/pgtest"
)

// TestAStoredOldDatabase: one that the first version of the schema left behind is brought
// up to date by several processes that start at once, keeps all it held, is then like a
// new one, and works.
func TestAStoredOldDatabase(t *testing.T) {
	old, err := os.ReadFile("testdata/schema-00001.sql")
	require.NoError(t, err)
	url, fresh := pgtest.Database(t), pgtest.Database(t)
	execute(t, url, string(old))
	before := contents(t, url)
	require.Len(t, before["jobs"], 13)

	stores := make([]*postgres.Store, 4)
	var wg sync.WaitGroup
	errs := make([]error, len(stores))
	for i := range stores {
		wg.Go(func() { stores[i], errs[i] = postgres.Open(t.Context(), url, postgres.Options{}) })
	}
	wg.Wait()
	for i, s := range stores {
		require.NoError(t, errs[i])
		t.Cleanup(func() { require.NoError(t, s.Close()) })
	}
	after := contents(t, url)
	for table, rows := range before {
		if table == "goose_db_version" {
			continue
		}
		require.Len(t, after[table], len(rows), table)
		for _, row := range rows {
			require.True(t, slices.ContainsFunc(after[table], func(now map[string]any) bool { return holds(now, row) }), "%s lost %v", table, row)
		}
	}
	s, err := postgres.Open(t.Context(), fresh, postgres.Options{})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	are, should := structure(t, url), structure(t, fresh)
	without := func(lines, others []string) []string {
		return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return slices.Contains(others, line) })
	}
	const advice = "a new database and one that was brought up to date differ: what a migration made is changed by a further migration, not in place"
	require.Empty(t, without(are, should), advice)
	require.Empty(t, without(should, are), advice)

	works(t, stores[0])
}

// works reads all that the stored database holds, and takes its queue up.
func works(t *testing.T, s *postgres.Store) {
	t.Helper()
	ctx := t.Context()
	page, err := s.List(ctx, store.Filter{Limit: 100, Parameters: true, Results: true})
	require.NoError(t, err)
	count := map[job.Status]int{}
	for i := range page.Jobs {
		j := &page.Jobs[i]
		count[j.Status]++
		got, err := s.Get(ctx, j.ID)
		require.NoError(t, err)
		require.Equal(t, *j, got)
		attempts, err := s.Attempts(ctx, j.ID)
		require.NoError(t, err)
		require.Len(t, attempts, j.Attempt)
		_, err = s.Nodes(ctx, j.ID, j.Attempt)
		require.NoError(t, err)
		events, err := s.Events(ctx, j.ID, 0, 100)
		require.NoError(t, err)
		require.NotEmpty(t, events)
	}
	require.Equal(t, map[job.Status]int{job.Completed: 2, job.Failed: 3, job.Cancelled: 2, job.Pending: 6}, count)
	labelled, err := s.List(ctx, store.Filter{Limit: 9, Labels: []string{"team:x"}})
	require.NoError(t, err)
	require.Len(t, labelled.Jobs, 1)
	auth, err := s.Authentication(ctx)
	require.NoError(t, err)
	require.True(t, auth.On)
	require.Len(t, auth.Keys, 1)
	audit, err := s.Audit(ctx, store.AuditFilter{Limit: 9})
	require.NoError(t, err)
	require.Len(t, audit.Entries, 3)
	pending, err := s.CountDeliveries(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, pending)

	claimed, err := s.Claim(ctx, store.Claim{Worker: "new", Limit: 9, Projects: []string{"other"}})
	require.NoError(t, err)
	require.Len(t, claimed, 2)
	_, err = s.Report(ctx, job.Ref{JobID: claimed[0].ID, Attempt: claimed[0].Attempt, Worker: "new"}, job.Outcome{Status: job.Completed, EndedAt: claimed[0].CreatedAt}, store.Advance{})
	require.NoError(t, err)
}

// holds reports whether a row has the columns of an older one as they were.
func holds(now, before map[string]any) bool {
	for column, v := range before {
		if fmt.Sprint(now[column]) != fmt.Sprint(v) {
			return false
		}
	}
	return true
}

// contents reads every table.
func contents(t *testing.T, url string) map[string][]map[string]any {
	t.Helper()
	all := map[string][]map[string]any{}
	for _, table := range query(t, url, `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'`) {
		name, _ := table["table_name"].(string)
		all[name] = query(t, url, `SELECT * FROM `+name)
	}
	return all
}

// structure tells of columns, indexes, constraints and functions.
func structure(t *testing.T, url string) []string {
	t.Helper()
	var lines []string
	for _, q := range []string{
		`SELECT table_name, column_name, data_type, collation_name, is_nullable, column_default, is_identity FROM information_schema.columns WHERE table_schema = 'public'`,
		`SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'`,
		`SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace`,
		`SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace`,
		`SELECT relname, reloptions FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`,
	} {
		for _, row := range query(t, url, q) {
			lines = append(lines, fmt.Sprint(row))
		}
	}
	return lines
}

func query(t *testing.T, url, q string) []map[string]any {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	found, err := c.Query(t.Context(), q)
	require.NoError(t, err)
	rows, err := pgx.CollectRows(found, pgx.RowToMap)
	require.NoError(t, err)
	require.NoError(t, c.Close(t.Context()))
	return rows
}
