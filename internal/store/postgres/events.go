package postgres

import (
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

const insertEvents = `INSERT INTO events (job_id, attempt, type, at, data)
	SELECT * FROM unnest($1::text[], $2::int[], $3::text[], $4::text[], $5::text[])` // numbers are given in this order

// addEvents writes events in their order. Whoever writes events of a job holds its row,
// so those of one job become visible in the order of seq.
func (t *tx) addEvents(events []job.Event) {
	if len(events) == 0 {
		return
	}
	for _, e := range events {
		t.publish(store.TopicJob(e.JobID))
	}
	t.publish(store.TopicEvents)
	t.bulk.events = append(t.bulk.events, events...)
}
