package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

const (
	selectWorker = `SELECT id, host, pid, version, state, slots, projects, labels, started_at, seen_at,
		beat, lease_ms, boot_id, pid_namespace, drain_requested_at FROM workers`
	heldIDs = `SELECT id FROM jobs INDEXED BY jobs_held WHERE status = 'running' AND worker = ? ORDER BY started_at, id`
)

func scanID(row scanner) (id string, err error) { return id, row.Scan(&id) }

// SaveWorker writes a worker's row, new or changed; SeenAt becomes now. One that was lost
// stays so, and one that was asked to drain is not ready any more, whatever it says.
func (s *Store) SaveWorker(ctx context.Context, w store.Worker) error {
	projects, err := json.Marshal(w.Projects)
	if err != nil {
		return fmt.Errorf("worker: %w", err)
	}
	labels, err := jsonOrNull(w.Labels, len(w.Labels) > 0)
	if err != nil {
		return err
	}
	const q = `INSERT INTO workers (id, host, pid, version, state, slots, projects, labels, started_at, seen_at,
		lease_ms, boot_id, pid_namespace) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
		state = CASE WHEN excluded.state = 'ready' AND drain_requested_at IS NOT NULL THEN 'draining' ELSE excluded.state END,
		slots = excluded.slots, projects = excluded.projects, labels = excluded.labels, seen_at = excluded.seen_at,
		version = excluded.version, lease_ms = excluded.lease_ms WHERE workers.state <> 'lost'`
	err = s.write.do(ctx, urgent, func(ctx context.Context, t *tx) error {
		return t.exec(ctx, q, w.ID, w.Host, w.PID, w.Version, string(w.State), w.Slots, string(projects), labels,
			job.FormatTime(w.StartedAt), job.FormatTime(s.now()), w.Lease.Milliseconds(), textOrNull(w.BootID), textOrNull(w.PIDNamespace))
	})
	if err != nil {
		return fmt.Errorf("save worker: %w", err)
	}
	return nil
}

// Workers gives every worker that has not ended, and those that ended since the
// moment given, newest first, each with the jobs it runs.
func (s *Store) Workers(ctx context.Context, endedSince time.Time) ([]store.Worker, error) {
	const q = selectWorker + `
		WHERE state IN ('ready', 'draining') OR seen_at >= ? ORDER BY started_at DESC, id DESC LIMIT 1000`
	workers, err := collect(ctx, s.read, "workers", q, []any{job.FormatTime(endedSince)}, scanWorker)
	if err != nil {
		return nil, err
	}
	for i := range workers {
		workers[i].Running, err = collect(ctx, s.read, "jobs of a worker", heldIDs, []any{workers[i].ID}, scanID)
		if err != nil {
			return nil, err
		}
	}
	return workers, nil
}

func scanWorker(row scanner) (store.Worker, error) {
	var w store.Worker
	var state, projects, started, seen string
	var labels, boot, namespace, drain sql.NullString
	var lease int64
	if err := row.Scan(&w.ID, &w.Host, &w.PID, &w.Version, &state, &w.Slots, &projects, &labels, &started, &seen,
		&w.Beat, &lease, &boot, &namespace, &drain); err != nil {
		return w, err
	}
	w.State, w.Lease = store.WorkerState(state), time.Duration(lease)*time.Millisecond
	w.BootID, w.PIDNamespace = boot.String, namespace.String
	var d decoder
	w.StartedAt = *d.Time("started_at", sql.NullString{String: started, Valid: true})
	w.SeenAt = *d.Time("seen_at", sql.NullString{String: seen, Valid: true})
	d.JSON("projects", sql.NullString{String: projects, Valid: true}, &w.Projects)
	d.JSON("labels", labels, &w.Labels)
	w.DrainRequestedAt = d.Time("drain_requested_at", drain)
	return w, d.Err
}

// Held gives every running job, oldest first, whoever holds it.
func (s *Store) Held(ctx context.Context) ([]job.Job, error) {
	return collect(ctx, s.read, "running jobs", selectBrief+` WHERE status = 'running' ORDER BY created_at, id`, nil, scanJob)
}

// Cancelling gives the attempts of a worker whose cancel was asked for.
func (s *Store) Cancelling(ctx context.Context, worker string) ([]job.Ref, error) {
	const q = `SELECT id, attempt, worker FROM jobs INDEXED BY jobs_held
		WHERE status = 'running' AND worker = ? AND cancel_requested_at IS NOT NULL`
	return collect(ctx, s.read, "cancels", q, []any{worker}, func(row scanner) (r job.Ref, err error) {
		return r, row.Scan(&r.JobID, &r.Attempt, &r.Worker)
	})
}

// NextReady gives the moment at which the next waiting job becomes eligible; nil
// when none waits for its time.
func (s *Store) NextReady(ctx context.Context) (*time.Time, error) {
	var at sql.NullInt64
	const q = `SELECT min(ready_at) FROM jobs INDEXED BY jobs_timed WHERE status = 'pending' AND parked_on = 'time'`
	if err := s.read.QueryRowContext(ctx, q).Scan(&at); err != nil {
		return nil, readFault("next waiting job", err)
	}
	if !at.Valid {
		return nil, nil
	}
	t := time.UnixMicro(at.Int64).UTC()
	return &t, nil
}
