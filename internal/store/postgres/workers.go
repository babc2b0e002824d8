package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

const selectWorker = `SELECT id, host, pid, version, state, slots, projects, labels, started_at, seen_at,
	beat, lease_ms, boot_id, pid_namespace, drain_requested_at,
	coalesce((SELECT array_agg(jobs.id ORDER BY jobs.started_at, jobs.id) FROM jobs WHERE status = 'running' AND worker = workers.id), '{}') FROM workers`

// SaveWorker writes a worker's row, new or changed; SeenAt becomes now. One that was lost
// stays so, and one that was asked to drain is not ready any more, whatever it says.
func (s *Store) SaveWorker(ctx context.Context, w store.Worker) error {
	projects, err := json.Marshal(w.Projects)
	if err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	labels, err := rows.JSONOrNull(w.Labels, len(w.Labels) > 0)
	if err != nil {
		return err
	}
	const q = `INSERT INTO workers (id, host, pid, version, state, slots, projects, labels, started_at, seen_at,
		lease_ms, boot_id, pid_namespace) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (id) DO UPDATE SET
		state = CASE WHEN excluded.state = 'ready' AND workers.drain_requested_at IS NOT NULL THEN 'draining' ELSE excluded.state END,
		slots = excluded.slots, projects = excluded.projects, labels = excluded.labels, seen_at = excluded.seen_at,
		version = excluded.version, lease_ms = excluded.lease_ms WHERE workers.state <> 'lost'`
	return failed("save worker", s.write(ctx, func(_ context.Context, t *tx) error {
		t.queue(q, w.ID, w.Host, w.PID, w.Version, string(w.State), w.Slots, string(projects), labels, job.FormatTime(w.StartedAt), job.FormatTime(s.now()),
			w.Lease.Milliseconds(), rows.TextOrNull(w.BootID), rows.TextOrNull(w.PIDNamespace))
		return nil
	}))
}

// Workers gives every worker that has not ended, and those that ended since the
// moment given, newest first, each with the jobs it runs.
func (s *Store) Workers(ctx context.Context, endedSince time.Time) ([]store.Worker, error) {
	const q = selectWorker + ` WHERE state IN ('ready', 'draining') OR seen_at >= $1 ORDER BY started_at DESC, id DESC LIMIT 1000`
	return collect(ctx, s, "workers", q, []any{job.FormatTime(endedSince)}, scanWorker)
}

func scanWorker(row rows.Scanner) (store.Worker, error) {
	var w store.Worker
	var state, projects, started, seen string
	var labels, boot, namespace, drain sql.NullString
	var lease int64
	err := row.Scan(&w.ID, &w.Host, &w.PID, &w.Version, &state, &w.Slots, &projects, &labels, &started, &seen,
		&w.Beat, &lease, &boot, &namespace, &drain, &w.Running)
	if err != nil {
		return w, err
	}
	w.State, w.Lease = store.WorkerState(state), time.Duration(lease)*time.Millisecond
	w.BootID, w.PIDNamespace = boot.String, namespace.String
	var d rows.Decoder
	w.StartedAt, w.SeenAt = *d.Time("started_at", rows.Text(started)), *d.Time("seen_at", rows.Text(seen))
	d.JSON("projects", rows.Text(projects), &w.Projects)
	d.JSON("labels", labels, &w.Labels)
	w.DrainRequestedAt = d.Time("drain_requested_at", drain)
	return w, d.Err
}

// failed names what an error was of.
func failed(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}
