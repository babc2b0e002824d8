package sqlite

import (
	"context"
	"database/sql"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

func (t *tx) saveNodes(ctx context.Context, ref job.Ref, nodes []store.NodeAt) error {
	const q = `INSERT INTO nodes (job_id, attempt, position, name, status, started_at, completed_at, seconds)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (job_id, attempt, position) DO UPDATE SET
		name = excluded.name, status = excluded.status, started_at = excluded.started_at,
		completed_at = excluded.completed_at, seconds = excluded.seconds`
	for _, n := range nodes {
		err := t.exec(ctx, q, ref.JobID, ref.Attempt, n.Position, n.Name, n.Status, timeOrNull(n.StartedAt),
			timeOrNull(n.CompletedAt), n.Seconds)
		if err != nil {
			return err
		}
	}
	return nil
}

// Nodes gives an attempt's nodes in topological order; none when it told of none.
func (s *Store) Nodes(ctx context.Context, id string, attempt int) ([]job.Node, error) {
	const q = `SELECT ` + rows.Node + ` FROM nodes WHERE job_id = ? AND attempt = ? ORDER BY position`
	return collect(ctx, s.read, "nodes", q, []any{id, attempt}, rows.ScanNode)
}

// Attempts gives a job's attempts, the first first.
func (s *Store) Attempts(ctx context.Context, id string) ([]job.Attempt, error) {
	const q = `SELECT ` + rows.Attempt + ` FROM attempts WHERE job_id = ? ORDER BY number`
	return collect(ctx, s.read, "attempts", q, []any{id}, rows.ScanAttempt)
}

// collect runs a query of the readers and scans every row.
func collect[T any](ctx context.Context, db *sql.DB, what, q string, args []any, scan func(scanner) (T, error)) ([]T, error) {
	rows, err := db.QueryContext(ctx, q, args...)
	if err != nil {
		return nil, readFault(what, err)
	}
	items, err := collectRows(rows, scan)
	if err != nil {
		return nil, readFault(what, err)
	}
	return items, nil
}

func collectJobs(rows *sql.Rows) ([]job.Job, error) { return collectRows(rows, scanJob) }

func collectRows[T any](rows *sql.Rows, scan func(scanner) (T, error)) ([]T, error) {
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	items := []T{}
	for rows.Next() {
		item, err := scan(rows)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, rows.Err()
}
