package rows

import (
	"database/sql"
	"encoding/json"

	"github.com/kedrod/kedrod/internal/job"
)

// Event is what ScanEvent reads.
const Event = `seq, job_id, attempt, type, at, data`

// ScanEvent reads an event.
func ScanEvent(row Scanner) (job.Event, error) {
	var e job.Event
	var kind, at, data string
	if err := row.Scan(&e.Seq, &e.JobID, &e.Attempt, &kind, &at, &data); err != nil {
		return e, err
	}
	e.Type, e.Data = job.EventType(kind), json.RawMessage(data)
	var d Decoder
	e.At = *d.Time("at", Text(at))
	return e, d.Err
}

// Node is what ScanNode reads.
const Node = `name, status, started_at, completed_at, seconds`

// ScanNode reads a node.
func ScanNode(row Scanner) (n job.Node, err error) {
	var started, completed sql.NullString
	if err := row.Scan(&n.Name, &n.Status, &started, &completed, &n.Seconds); err != nil {
		return n, err
	}
	var d Decoder
	n.StartedAt, n.CompletedAt = d.Time("started_at", started), d.Time("completed_at", completed)
	return n, d.Err
}

// Attempt is what ScanAttempt reads.
const Attempt = `job_id, number, worker, status, reason, error_message, exit_code, signal, start, claimed_at, started_at,
		ended_at, execution_time`

// ScanAttempt reads an attempt.
func ScanAttempt(row Scanner) (job.Attempt, error) {
	var a job.Attempt
	var status, claimed string
	var reason, signal, start, started, ended sql.NullString
	err := row.Scan(&a.JobID, &a.Number, &a.Worker, &status, &reason, &a.ErrorMessage, &a.ExitCode, &signal, &start, &claimed,
		&started, &ended, &a.ExecutionTime)
	if err != nil {
		return a, err
	}
	a.Status, a.Reason, a.Signal, a.Start = job.Status(status), job.Reason(reason.String), signal.String, start.String
	var d Decoder
	a.ClaimedAt = *d.Time("claimed_at", Text(claimed))
	a.StartedAt, a.EndedAt = d.Time("started_at", started), d.Time("ended_at", ended)
	return a, d.Err
}
