package postgres_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/store/postgres"
	"github.com/kedrod/kedrod/internal/store/storetest"
	"github.com/kedrod/kedrod/test/pgtest"
)

// crowds is a history, and many jobs of every kind that a claim must not walk over.
const crowds = `INSERT INTO jobs (id, pipeline_name, status, parameters, created_at, project, options, priority, timeout_ms, max_attempts, max_recoveries,
		attempt, tries, recoveries, order_key, ready_at, concurrency_key, concurrency_limit, requires, parked_on, expires_at, worker)
	SELECT kind || lpad(i::text, 8, '0'), CASE kind WHEN 'pipeline' THEN 'full' ELSE 'free' END,
		CASE kind WHEN 'old' THEN 'completed' WHEN 'runs' THEN 'running' ELSE 'pending' END, '{}', '2026-01-01T00:00:00.000000+00:00',
		CASE kind WHEN 'project' THEN 'other' ELSE 'p' END, '{}', 0, 60000, 1, 3, 0, 0, 0, i,
		CASE kind WHEN 'time' THEN 9e15 ELSE 0 END, CASE kind WHEN 'key' THEN 'k' WHEN 'free' THEN 'k' || i % 5 END, CASE WHEN kind IN ('key', 'free') THEN 1 + i % 3 END,
		CASE kind WHEN 'requires' THEN '{"gpu":"' || i % 5 || '"}' END,
		CASE kind WHEN 'key' THEN 'key:k' WHEN 'pipeline' THEN 'pipeline:p/full' WHEN 'requires' THEN kind WHEN 'time' THEN kind END,
		CASE kind WHEN 'time' THEN '2999-01-01T00:00:00.000000+00:00' END, CASE kind WHEN 'runs' THEN 'w' || i % 50 END
	FROM unnest(ARRAY['old', 'runs', 'key', 'pipeline', 'project', 'requires', 'time', 'free']) AS kind,
		generate_series(1, 3000) AS i WHERE kind <> 'runs' OR i <= 200;
	INSERT INTO freed (scope) VALUES ('key:k'), ('pipeline:p/full'), ('key:k'), ('project:p');`

// TestNoClaimWalksOverTheQueue: each statement within a claim, and those that ask about
// the queue, look at few rows, however many jobs there are beside those that are claimed.
func TestNoClaimWalksOverTheQueue(t *testing.T) {
	const most = 150
	url := pgtest.Database(t)
	s := open(t, url, storetest.NewClock())
	execute(t, url, crowds)
	cfg, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	for name, value := range postgres.Session() {
		cfg.RuntimeParams[name] = value
	}
	var plans []string
	cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if _, plan, ok := strings.Cut(n.Message, "plan:\n"); ok {
			plans = append(plans, plan)
		}
	}
	c, err := pgx.ConnectConfig(t.Context(), cfg)
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close(t.Context())) }()
	explained := func(what, q string, args ...any) {
		t.Helper()
		plans = nil
		_, err := c.Exec(t.Context(), q, args...)
		require.NoError(t, err, what)
		require.NotEmpty(t, plans, what)
		for _, text := range plans {
			var p struct {
				Query string `json:"Query Text"`
				Plan  node
			}
			require.NoError(t, json.Unmarshal([]byte(text), &p), text)
			require.LessOrEqual(t, p.Plan.read(), float64(most), "%s: %s\n%+v", what, p.Query, p.Plan)
		}
	}
	for _, set := range []string{
		"LOAD 'auto_explain'", "SET auto_explain.log_min_duration = 0", "SET auto_explain.log_nested_statements = on", "SET auto_explain.log_analyze = on",
		"SET auto_explain.log_format = 'json'", "SET client_min_messages = log",
	} {
		_, err := c.Exec(t.Context(), set)
		require.NoError(t, err)
	}
	statements, claim := s.QueueStatements()
	for round := range 3 { // statements that a function keeps get a general plan in time
		for labels, beginnings := range map[string][]string{`{}`: {}, `{"gpu":"3"}`: {`{"gpu":"3"`}} {
			explained("a claim", claim, "w", 8, []string{"p", "other"}, labels, beginnings, `{"pipeline:p/full":2,"project:other":5}`,
				"2026-01-01T00:00:00.000000+00:00", 1, `{}`)
		}
		for q, args := range statements {
			explained("a look at the queue", q, args...)
		}
		if round == 0 {
			execute(t, url, "ANALYZE")
		}
	}
}
