package job

import (
	"encoding/json"
	"time"
)

// EventType is the kind of a job's event. Clients are told to expect new ones.
type EventType string

// The events of a job: its status changed, its progress, one of its nodes, and
// the last one, after which none follows.
const (
	EventStatus   EventType = "status"
	EventProgress EventType = "progress"
	EventNode     EventType = "node"
	EventEnd      EventType = "end"
)

// Event is something that happened to a job. Seq is given by the store: it grows
// over all jobs and is never used twice.
type Event struct {
	Seq     int64
	JobID   string
	Attempt int
	Type    EventType
	At      time.Time
	Data    json.RawMessage // an object
}

type statusData struct {
	Status            Status  `json:"status"`
	Reason            Reason  `json:"reason,omitempty"`
	ErrorMessage      *string `json:"error_message,omitempty"`
	CancelRequestedAt string  `json:"cancel_requested_at,omitempty"`
	NextTryAt         string  `json:"next_try_at,omitempty"`
}

// Changes gives the events that tell the way from before to after; before is nil
// for a job that is new. Stores write them in the same transaction as the job.
func Changes(before, after *Job, now time.Time) []Event {
	changed := before == nil || before.Status != after.Status || before.Attempt != after.Attempt ||
		(before.CancelRequestedAt == nil) != (after.CancelRequestedAt == nil)
	if !changed {
		return nil
	}
	d := statusData{Status: after.Status, Reason: after.Reason, ErrorMessage: after.ErrorMessage}
	if after.CancelRequestedAt != nil {
		d.CancelRequestedAt = FormatTime(*after.CancelRequestedAt)
	}
	if after.NextTryAt != nil {
		d.NextTryAt = FormatTime(*after.NextTryAt)
	}
	data, err := json.Marshal(d)
	if err != nil { // cannot be: strings only
		data = []byte(`{}`)
	}
	e := Event{JobID: after.ID, Attempt: after.Attempt, Type: EventStatus, At: Truncate(now), Data: data}
	if !after.Status.Terminal() {
		return []Event{e}
	}
	end := e
	end.Type = EventEnd
	return []Event{e, end}
}
