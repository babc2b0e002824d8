package postgres

import (
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
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
