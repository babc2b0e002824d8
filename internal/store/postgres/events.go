package postgres

import (
	"context"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

const insertEvents = `INSERT INTO events (job_id, attempt, type, at, data)
	SELECT * FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::text[])`

// addEvents writes events in their order. Whoever writes events of a job holds its row,
// so those of one job become visible in the order of seq.
func (t *tx) addEvents(events []job.Event) {
	if len(events) == 0 {
		return
	}
	n := len(events)
	ids, attempts, types, ats, data := make([]string, n), make([]int, n), make([]string, n), make([]string, n), make([]string, n)
	for i, e := range events {
		ids[i], attempts[i], types[i], ats[i], data[i] = e.JobID, e.Attempt, string(e.Type), job.FormatTime(e.At), string(e.Data)
		t.publish(store.TopicJob(e.JobID))
	}
	t.publish(store.TopicEvents)
	t.queue(insertEvents, ids, attempts, types, ats, data)
}

const selectEvents = `SELECT ` + rows.Event + ` FROM events WHERE `

// Events gives up to limit events after seq, in order: of one job, or of all when
// jobID is "".
func (s *Store) Events(ctx context.Context, jobID string, after int64, limit int) ([]job.Event, error) {
	if jobID == "" {
		return collect(ctx, s, "events", selectEvents+`seq > $1 ORDER BY seq LIMIT $2`, []any{after, limit}, rows.ScanEvent)
	}
	return collect(ctx, s, "events", selectEvents+`job_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`, []any{jobID, after, limit}, rows.ScanEvent)
}
