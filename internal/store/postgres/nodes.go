package postgres

import (
	"context"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

func (t *tx) saveNodes(ref job.Ref, nodes []store.NodeAt) {
	const q = `INSERT INTO nodes (job_id, attempt, position, name, status, started_at, completed_at, seconds)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (job_id, attempt, position) DO UPDATE SET
		name = excluded.name, status = excluded.status, started_at = excluded.started_at,
		completed_at = excluded.completed_at, seconds = excluded.seconds`
	for _, n := range nodes {
		t.queue(q, ref.JobID, ref.Attempt, n.Position, n.Name, n.Status, rows.TimeOrNull(n.StartedAt), rows.TimeOrNull(n.CompletedAt), n.Seconds)
	}
}

// Nodes gives an attempt's nodes in topological order; none when it told of none.
func (s *Store) Nodes(ctx context.Context, id string, attempt int) ([]job.Node, error) {
	const q = `SELECT ` + rows.Node + ` FROM nodes WHERE job_id = $1 AND attempt = $2 ORDER BY position`
	return collect(ctx, s, "nodes", q, []any{id, attempt}, rows.ScanNode)
}

// Attempts gives a job's attempts, the first first.
func (s *Store) Attempts(ctx context.Context, id string) ([]job.Attempt, error) {
	const q = `SELECT ` + rows.Attempt + ` FROM attempts WHERE job_id = $1 ORDER BY number`
	return collect(ctx, s, "attempts", q, []any{id}, rows.ScanAttempt)
}
