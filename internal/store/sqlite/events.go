package sqlite

import (
	"context"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
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

const selectEvents = `SELECT ` + rows.Event + ` FROM events WHERE `

// Events gives up to limit events after seq, in order: of one job, or of all when
// jobID is "".
func (s *Store) Events(ctx context.Context, jobID string, after int64, limit int) ([]job.Event, error) {
	if jobID == "" {
		return collect(ctx, s.read, "events", selectEvents+`seq > ? ORDER BY seq LIMIT ?`, []any{after, limit}, rows.ScanEvent)
	}
	return collect(ctx, s.read, "events", selectEvents+`job_id = ? AND seq > ? ORDER BY seq LIMIT ?`,
		[]any{jobID, after, limit}, rows.ScanEvent)
}

// LastEvent gives the newest event's seq, 0 when there is none.
func (s *Store) LastEvent(ctx context.Context) (int64, error) {
	var seq int64
	if err := s.read.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) FROM events`).Scan(&seq); err != nil {
		return 0, readFault("events", err)
	}
	return seq, nil
}
