package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

func (t *tx) addEvents(ctx context.Context, events []job.Event) error {
	const q = `INSERT INTO events (job_id, attempt, type, at, data) VALUES (?, ?, ?, ?, ?)`
	for _, e := range events {
		if err := t.exec(ctx, q, e.JobID, e.Attempt, string(e.Type), job.FormatTime(e.At), string(e.Data)); err != nil {
			return err
		}
		t.publish(eventsTopic, store.TopicJob(e.JobID))
	}
	return nil
}

const selectEvents = `SELECT seq, job_id, attempt, type, at, data FROM events WHERE `

// Events gives up to limit events after seq, in order: of one job, or of all when
// jobID is "".
func (s *Store) Events(ctx context.Context, jobID string, after int64, limit int) ([]job.Event, error) {
	if jobID == "" {
		return collect(ctx, s.read, "events", selectEvents+`seq > ? ORDER BY seq LIMIT ?`, []any{after, limit}, scanEvent)
	}
	return collect(ctx, s.read, "events", selectEvents+`job_id = ? AND seq > ? ORDER BY seq LIMIT ?`,
		[]any{jobID, after, limit}, scanEvent)
}

// LastEvent gives the newest event's seq, 0 when there is none.
func (s *Store) LastEvent(ctx context.Context) (int64, error) {
	var seq int64
	if err := s.read.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) FROM events`).Scan(&seq); err != nil {
		return 0, readFault("events", err)
	}
	return seq, nil
}

func scanEvent(row scanner) (job.Event, error) {
	var e job.Event
	var kind, at, data string
	if err := row.Scan(&e.Seq, &e.JobID, &e.Attempt, &kind, &at, &data); err != nil {
		return e, err
	}
	e.Type, e.Data = job.EventType(kind), json.RawMessage(data)
	var d decoder
	e.At = *d.time("at", sql.NullString{String: at, Valid: true})
	return e, d.err
}
