package sqlite_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/stretchr/testify/require"
)

// fill writes n finished jobs, each with an attempt and two events, into the file of
// a store that is closed: the last 90 days of three projects, thirty pipelines, a few
// hundred users and twenty keys, of which the last of each are rare. It is all one
// statement a table, with the indexes made anew afterwards: 10 million jobs in
// minutes.
func fill(t *testing.T, path string, n int) {
	t.Helper()
	ctx := t.Context()
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	db.SetMaxOpenConns(1)
	exec := func(q string, args ...any) {
		_, err := db.ExecContext(ctx, q, args...)
		require.NoError(t, err, q)
	}
	exec("PRAGMA synchronous = OFF")
	exec("PRAGMA cache_size = -400000")
	exec("PRAGMA temp_store = FILE")
	indexes := indexesOf(ctx, t, db)
	for name := range indexes {
		exec("DROP INDEX " + name)
	}
	const chunk = 250_000
	for from := 0; from < n; from += chunk {
		count := min(chunk, n-from)
		exec("BEGIN")
		exec(fillJobs, from, from+count, n)
		exec("COMMIT")
	}
	exec("BEGIN")
	exec(`INSERT INTO attempts (job_id, number, worker, status, reason, error_message, exit_code, start, started_at, claimed_at, ended_at, execution_time)
		SELECT id, 1, 'w', status, reason, error_message, 0, 'cold', started_at, created_at, completed_at, execution_time FROM jobs ORDER BY id`)
	exec(`UPDATE jobs SET labels = '{"kind":"' || (rowid % 5) || '","team":"' || (rowid / 5 % 50) || '"}' WHERE rowid % 3 = 0`)
	exec(`UPDATE jobs SET labels = '{"team":"rare"}' WHERE rowid % 50021 = 0`)
	exec(`INSERT INTO job_labels (label, created_at, id) SELECT key || ':' || value, created_at, jobs.id FROM jobs, json_each(labels) ORDER BY 1, 2, 3`)
	exec(`INSERT INTO events (job_id, attempt, type, at, data) SELECT id, 1, 'end', completed_at, '{"status":"' || status || '"}' FROM jobs`)
	exec("COMMIT")
	for _, q := range indexes {
		exec(q)
	}
	exec("PRAGMA wal_checkpoint(TRUNCATE)")
}

func indexesOf(ctx context.Context, t *testing.T, db *sql.DB) map[string]string {
	t.Helper()
	rows, err := db.QueryContext(ctx, "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ('jobs', 'events')")
	require.NoError(t, err)
	defer rows.Close()
	found := map[string]string{}
	for rows.Next() {
		var name, q string
		require.NoError(t, rows.Scan(&name, &q))
		found[name] = q
	}
	require.NoError(t, rows.Err())
	return found
}

// The arguments of fillJobs: the first number, the one after the last, and how many
// there will be in all. h is a number that looks random.
const fillJobs = `
WITH RECURSIVE numbers (n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?2),
drawn AS (SELECT n, (n * 2654435761 + 12345) % 4294967296 AS h, 1760000000000 + n * 7776000000 / ?3 AS ms FROM numbers),
timed AS (SELECT *, strftime('%Y-%m-%dT%H:%M:%S', ms / 1000, 'unixepoch') || printf('.%03d000+00:00', ms % 1000) AS created,
	strftime('%Y-%m-%dT%H:%M:%S', ms / 1000 + 60, 'unixepoch') || '.000000+00:00' AS done FROM drawn)
INSERT INTO jobs (id, pipeline_name, user_id, status, parameters, results, error_message, created_at, started_at, completed_at,
	execution_time, project, submitted_by, options, priority, timeout_ms, max_attempts, max_recoveries, reason, progress,
	attempt, tries, recoveries, worker, last_outcome, order_key, ready_at)
SELECT printf('%08x-%04x-7%03x-%04x-%08x%04x', ms >> 16, ms & 65535, h % 4096, 32768 + h % 16384, h, (h >> 7) % 65536),
	'pipeline_' || CASE WHEN h % 10 < 5 THEN 0 WHEN h % 10 < 8 THEN 1 ELSE 2 + h % 27 + (h % 100003 = 0) END,
	CASE WHEN h % 7 = 0 THEN NULL WHEN h % 50021 = 0 THEN 'rare' ELSE 'user_' || ((h % 300) * (h % 300) / 300) END,
	CASE WHEN h % 16 = 0 THEN 'failed' WHEN h % 1009 = 0 THEN 'cancelled' ELSE 'completed' END,
	'{"model": {"alpha": 0.5, "rounds": ' || (h % 1000) || '}, "date": "' || created || '"}',
	'{"outputs":[{"dataset":"model","type":"pandas.CSVDataset","path":"data/06_models/model.csv","version":null,"node":"train","bytes":12345}],"returned":{},"nodes":[],"kedro_version":"1.7.0","python_version":"3.12.3"}',
	CASE WHEN h % 16 = 0 THEN 'ValueError: could not convert string to float: ' || h END,
	created, created AS started, done, 60.0,
	CASE WHEN h % 1000 = 7 THEN 'rare' WHEN h % 10 = 3 THEN 'second' ELSE 'first' END,
	CASE WHEN h % 5 > 0 THEN 'key_' || (h % 20) END,
	'{}', 0, 1800000, 1, 3, CASE WHEN h % 16 = 0 THEN 'pipeline_error' END, '{"done":5,"total":5,"running":[]}',
	1, 1, 0, '0199c0de-0000-7000-8000-000000000000', 'x', ms * 1000, ms * 1000
FROM timed`
