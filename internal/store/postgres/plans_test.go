package postgres_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/postgres"
	"github.com/kedrod/kedrod/internal/store/storetest"
	"github.com/kedrod/kedrod/test/pgtest"
)

// node is one of a plan's, as EXPLAIN (FORMAT JSON) gives it.
type node struct {
	Type     string  `json:"Node Type"`
	Relation string  `json:"Relation Name"`
	Index    string  `json:"Index Name"`
	Rows     float64 `json:"Actual Rows"`
	Removed  float64 `json:"Rows Removed by Filter"`
	Loops    float64 `json:"Actual Loops"`
	Plans    []node
}

// read counts the rows that scans of tables look at.
func (n node) read() float64 {
	sum := 0.0
	if n.Relation != "" {
		sum = (n.Rows + n.Removed) * n.Loops
	}
	for _, p := range n.Plans {
		sum += p.read()
	}
	return sum
}

// explainer runs statements and gives what was done for them.
func explainer(t *testing.T, url string) func(t *testing.T, q string, args []any) node {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close(context.Background())) })
	return func(t *testing.T, q string, args []any) node {
		t.Helper()
		var text []byte
		require.NoError(t, c.QueryRow(t.Context(), "EXPLAIN (ANALYZE, FORMAT JSON) "+q, args...).Scan(&text), q)
		var plans []struct{ Plan node }
		require.NoError(t, json.Unmarshal(text, &plans))
		return plans[0].Plan
	}
}

// TestNoPageReadsHistory: whatever a page is of, and whatever the server believes of the
// table, few rows are looked at. The statistics are those of a history in which all that is
// asked for is frequent and everywhere.
func TestNoPageReadsHistory(t *testing.T) {
	url := pgtest.Database(t)
	s := open(t, url, storetest.NewClock())
	fill(t, url, 8000)
	ctx := t.Context()
	explain := explainer(t, url)
	filters := storetest.HistoryFilters()
	check := func(t *testing.T) {
		t.Helper()
		for name, f := range filters {
			if f.Limit == 0 {
				f.Limit = 50
			}
			statements, err := s.Statements(ctx, f)
			require.NoError(t, err)
			for q, args := range statements {
				p := explain(t, q, args)
				require.LessOrEqual(t, p.read(), 3000.0, "%s: %s\n%v\n%+v", name, q, args, p)
			}
		}
	}
	check(t)
	execute(t, url, `ALTER TABLE jobs SET (autovacuum_enabled = off);
		UPDATE jobs SET status = 'failed', project = 'rare', pipeline_name = 'pipeline_5', user_id = 'rare', submitted_by = 'key_3' WHERE created_at > '2025-12-01'`)
	execute(t, url, `ANALYZE jobs`)
	execute(t, url, `UPDATE jobs SET status = 'completed', project = 'first', pipeline_name = 'pipeline_0', user_id = NULL, submitted_by = NULL WHERE created_at > '2025-12-01'`)
	filters["what is believed to be everywhere"] = store.Filter{Projects: []string{"rare"}}
	filters["two of them"] = store.Filter{Projects: []string{"rare"}, UserIDs: []string{"rare"}}
	check(t)
}

// TestPlansThatAreOld: a plan is made once for each connection, so one that was made while
// there was nothing serves a long history, too, as long as the server has not noticed.
func TestPlansThatAreOld(t *testing.T) {
	full, url := pgtest.Database(t), pgtest.Database(t)
	s := open(t, full, storetest.NewClock())
	open(t, url, storetest.NewClock())
	fill(t, full, 8000)
	execute(t, url, `ALTER TABLE jobs SET (autovacuum_enabled = off); ALTER TABLE job_labels SET (autovacuum_enabled = off)`)
	ctx := t.Context()
	c, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close(ctx)) }()
	for name, value := range postgres.Session() {
		_, err := c.Exec(ctx, `SELECT set_config($1, $2, false)`, name, value)
		require.NoError(t, err)
	}
	prepared := map[string]string{} // the call of each, and whose it is
	for name, f := range storetest.HistoryFilters() {
		f.Limit = 50
		statements, err := s.Statements(ctx, f)
		require.NoError(t, err)
		for q, args := range statements {
			call := fmt.Sprintf("EXECUTE p%d", len(prepared))
			_, err := c.Exec(ctx, fmt.Sprintf("PREPARE p%d AS %s", len(prepared), q))
			require.NoError(t, err, q)
			if len(args) > 0 {
				call += "(" + literals(args) + ")"
			}
			_, err = c.Exec(ctx, call)
			require.NoError(t, err, call)
			prepared[call] = name + ": " + q
		}
	}
	fillQuietly(t, url, 8000)
	for call, whose := range prepared {
		var text []byte
		require.NoError(t, c.QueryRow(ctx, "EXPLAIN (ANALYZE, FORMAT JSON) "+call, pgx.QueryExecModeSimpleProtocol).Scan(&text), whose)
		var plans []struct{ Plan node }
		require.NoError(t, json.Unmarshal(text, &plans))
		require.LessOrEqual(t, plans[0].Plan.read(), 3000.0, "%s\n%+v", whose, plans[0].Plan)
	}
}

// literals writes arguments of a statement as SQL does.
func literals(args []any) string {
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	texts := make([]string, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case []string:
			var items []string
			for _, item := range a {
				items = append(items, quote(item))
			}
			texts[i] = "ARRAY[" + strings.Join(items, ", ") + "]::text[]"
		default:
			texts[i] = quote(fmt.Sprint(a))
		}
	}
	return strings.Join(texts, ", ")
}

// TestHostsOfManyDeliveries: looking for hosts, and taking some of one, does not read all
// that waits, whether the server knows of it or not.
func TestHostsOfManyDeliveries(t *testing.T) {
	url := pgtest.Database(t)
	s := open(t, url, storetest.NewClock())
	execute(t, url, `ALTER TABLE deliveries SET (autovacuum_enabled = off);
		INSERT INTO deliveries (id, job_id, event, url, host, state, attempts, taken, created_at, next_at)
		SELECT h || '-' || i, 'j', 'job.failed', 'http://h' || h || '/', 'h' || h || ':80', 'pending', 0, FALSE, '2026-01-01T00:00:00.000000+00:00', '2026-01-01T00:00:00.000000+00:00'
		FROM generate_series(1, 3) AS h, generate_series(1, 20000) AS i`)
	explain := explainer(t, url)
	for _, analysed := range []string{"", "ANALYZE deliveries"} {
		execute(t, url, analysed)
		p := explain(t, postgres.HostsDue, nil)
		require.LessOrEqual(t, p.read(), 20.0, "%+v", p)
		p = explain(t, postgres.TakeDue, []any{"2026-01-01T01:00:00.000000+00:00", "h2:80", "2026-01-01T00:00:00.000000+00:00", 4})
		require.LessOrEqual(t, p.read(), 20.0, "%+v", p)
	}
	hosts, err := s.DeliveryHosts(t.Context())
	require.NoError(t, err)
	require.Len(t, hosts, 3)
	n, err := s.CountDeliveries(t.Context())
	require.NoError(t, err)
	require.Equal(t, postgres.CountLimit, n, "counting ends at its limit")
}
