package postgres_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/store/postgres"
	"github.com/kedrod/kedrod/internal/store/storetest"
	"github.com/kedrod/kedrod/test/pgtest"
)

// TestHistory holds lists to their speed with jobs that ended behind them, as SQLite's
// test of that name does. `make history JOBS=1000000` takes more than a few.
func TestHistory(t *testing.T) {
	n, strict := 5000, false
	if text := os.Getenv("KEDROD_HISTORY_JOBS"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		require.NoError(t, err)
		strict = true
	}
	url := pgtest.Database(t)
	s, err := postgres.Open(t.Context(), url, postgres.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	begun := time.Now()
	fill(t, url, n)
	t.Logf("%d jobs written in %s", n, time.Since(begun).Round(time.Second))
	begun = time.Now()
	_, err = s.Workers(t.Context(), time.Now())
	require.NoError(t, err)
	_, _, err = s.Count(t.Context())
	require.NoError(t, err)
	started := time.Since(begun)
	t.Logf("what a start asks for: %s", started.Round(time.Microsecond))
	if strict {
		assert.Less(t, started, time.Second)
	}
	begun = time.Now()
	_, err = s.Stats(t.Context(), time.Unix(0, 0), nil, statsJobs)
	require.NoError(t, err)
	t.Logf("stats over %d jobs: %s", min(n, statsJobs-1), time.Since(begun).Round(time.Millisecond))
	storetest.History(t, s, strict)
}

// statsJobs is over how many jobs the service has stats counted.
const statsJobs = 100_001

// fill writes n finished jobs with an attempt and an event each, and labels for a third
// of them, as SQLite's does.
func fill(t *testing.T, url string, n int) {
	t.Helper()
	fillQuietly(t, url, n)
	execute(t, url, `VACUUM ANALYZE`)
}

// fillQuietly leaves it to the server to notice.
func fillQuietly(t *testing.T, url string, n int) {
	t.Helper()
	ctx := t.Context()
	c, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	defer func() { require.NoError(t, c.Close(ctx)) }()
	exec := func(q string, args ...any) {
		_, err := c.Exec(ctx, q, args...)
		require.NoError(t, err, q)
	}
	const chunk = 100_000
	for from := 0; from < n; from += chunk {
		exec(fillJobs, from, min(from+chunk, n)-1, n)
	}
	exec(`INSERT INTO job_labels (label, created_at, id) SELECT key || ':' || value, created_at, jobs.id FROM jobs, jsonb_each_text(labels::jsonb)`)
	exec(`INSERT INTO attempts (job_id, number, worker, status, reason, error_message, exit_code, start, started_at, claimed_at, ended_at, execution_time)
		SELECT id, 1, 'w', status, reason, error_message, 0, 'cold', started_at, created_at, completed_at, execution_time FROM jobs`)
	exec(`INSERT INTO events (job_id, attempt, type, at, data) SELECT id, 1, 'end', completed_at, '{"status":"' || status || '"}' FROM jobs`)
}

// The arguments of fillJobs: the first number, the last, and how many there will be in
// all. h is a number that looks random.
const fillJobs = `
WITH drawn AS (SELECT n, (n * 2654435761 + 12345) % 4294967296 AS h, 1760000000000 + n * 7776000000 / $3::bigint AS ms FROM generate_series($1::bigint, $2::bigint) AS n),
timed AS (SELECT *, to_char(to_timestamp(ms / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS') || '.' || lpad((ms % 1000)::text, 3, '0') || '000+00:00' AS created,
	to_char(to_timestamp(ms / 1000 + 60) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS') || '.000000+00:00' AS done FROM drawn)
INSERT INTO jobs (id, pipeline_name, user_id, status, parameters, results, error_message, created_at, started_at, completed_at,
	execution_time, project, submitted_by, options, priority, timeout_ms, max_attempts, max_recoveries, reason, progress,
	attempt, tries, recoveries, worker, last_outcome, order_key, ready_at, labels)
SELECT lpad(to_hex(ms >> 16), 8, '0') || '-' || lpad(to_hex(ms & 65535), 4, '0') || '-7' || lpad(to_hex(h % 4096), 3, '0') || '-' || to_hex(32768 + h % 16384) || '-' ||
		lpad(to_hex(h), 8, '0') || lpad(to_hex((h >> 7) % 65536), 4, '0'),
	'pipeline_' || CASE WHEN h % 10 < 5 THEN 0 WHEN h % 10 < 8 THEN 1 ELSE 2 + h % 27 + (h % 100003 = 0)::int END,
	CASE WHEN h % 7 = 0 THEN NULL WHEN h % 50021 = 0 THEN 'rare' ELSE 'user_' || ((h % 300) * (h % 300) / 300) END,
	CASE WHEN h % 16 = 0 THEN 'failed' WHEN h % 1009 = 0 THEN 'cancelled' ELSE 'completed' END,
	'{"model": {"alpha": 0.5, "rounds": ' || (h % 1000) || '}, "date": "' || created || '"}',
	'{"outputs":[{"dataset":"model","type":"pandas.CSVDataset","path":"data/06_models/model.csv","version":null,"node":"train","bytes":12345}],"returned":{},"nodes":[],"kedro_version":"1.7.0","python_version":"3.12.3"}',
	CASE WHEN h % 16 = 0 THEN 'ValueError: could not convert string to float: ' || h END,
	created, created AS started, done, 60.0,
	CASE WHEN h % 1000 = 7 THEN 'rare' WHEN h % 10 = 3 THEN 'second' ELSE 'first' END,
	CASE WHEN h % 5 > 0 THEN 'key_' || (h % 20) END,
	'{}', 0, 1800000, 1, 3, CASE WHEN h % 16 = 0 THEN 'pipeline_error' END, '{"done":5,"total":5,"running":[]}',
	1, 1, 0, '0199c0de-0000-7000-8000-000000000000', 'x', ms * 1000, ms * 1000,
	CASE WHEN n % 50021 = 0 THEN '{"team":"rare"}' WHEN n % 3 = 0 THEN '{"kind":"' || (n % 5) || '","team":"' || (n / 5 % 50) || '"}' END
FROM timed`
