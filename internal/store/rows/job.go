package rows

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// The columns of jobs come in two groups: those set once, at submission, and those that
// transitions change. ID comes first in the one.
const (
	FixedColumns = `id, pipeline_name, user_id, parameters, created_at, project, submitted_by, options, priority, run_at,
		expires_at, timeout_ms, max_attempts, retry_on, max_recoveries, retry_of, schedule_id, order_key,
		labels, concurrency_key, concurrency_limit, requires, callback_url, writes`
	ChangingColumns = `status, results, error_message, started_at, completed_at, execution_time, reason, progress, warnings, start,
		attempt, tries, recoveries, worker, last_outcome, next_try_at, cancel_requested_at, ready_at, parked_on`
)

// What ScanJob reads, in three parts with parameters between the first two and results
// between the last, and behind them writes: lists leave these large ones out by
// NoParameters, NoResults and NoWrites.
const (
	JobHead  = `id, pipeline_name, user_id, `
	JobInner = `, created_at, project, submitted_by, options, priority, run_at, expires_at, timeout_ms, max_attempts,
		retry_on, max_recoveries, retry_of, schedule_id, labels, concurrency_key, concurrency_limit, requires, callback_url, status, `
	JobLast = `, error_message, started_at, completed_at, execution_time, reason, progress, warnings, start, attempt, tries,
		recoveries, worker, last_outcome, next_try_at, cancel_requested_at`
	NoParameters = `'{}'`
	NoResults    = `NULL`
	NoWrites     = `, NULL`
	Job          = JobHead + `parameters` + JobInner + `results, writes` + JobLast
	BriefJob     = JobHead + NoParameters + JobInner + NoResults + NoWrites + JobLast
)

// Fixed gives a job's FixedColumns.
func Fixed(j *job.Job) ([]any, error) {
	options, err := json.Marshal(j.Options)
	if err != nil {
		return nil, fmt.Errorf("options of %s: %w", j.ID, err)
	}
	retryOn, err := JSONOrNull(j.Queue.RetryOn, j.Queue.RetryOn != nil)
	if err != nil {
		return nil, err
	}
	labels, err := JSONOrNull(j.Labels, len(j.Labels) > 0)
	if err != nil {
		return nil, err
	}
	requires, err := JSONOrNull(j.Queue.Requires, len(j.Queue.Requires) > 0)
	if err != nil {
		return nil, err
	}
	writes, err := JSONOrNull(j.Queue.Writes, j.Queue.Writes != nil)
	if err != nil {
		return nil, err
	}
	parameters := string(j.Parameters)
	if parameters == "" {
		parameters = "{}"
	}
	q := j.Queue
	return []any{j.ID, j.Pipeline, j.UserID, parameters, job.FormatTime(j.CreatedAt), j.Project, j.SubmittedBy,
		string(options), q.Priority, TimeOrNull(q.RunAt), TimeOrNull(q.ExpiresAt), q.Timeout.Milliseconds(), q.MaxAttempts,
		retryOn, q.MaxRecoveries, j.RetryOf, j.ScheduleID, j.OrderKey(),
		labels, TextOrNull(q.ConcurrencyKey), IntOrNull(q.ConcurrencyLimit), requires, TextOrNull(j.CallbackURL), writes}, nil
}

// Changing gives a job's ChangingColumns. parked_on, the last, is store.ParkedTime for a
// job whose time has not come, and else NULL.
func Changing(j *job.Job, now time.Time) ([]any, error) {
	progress, err := JSONOrNull(j.Progress, j.Progress != nil)
	if err != nil {
		return nil, err
	}
	warnings, err := JSONOrNull(j.Warnings, len(j.Warnings) > 0)
	if err != nil {
		return nil, err
	}
	ready, parked := j.ReadyAt(), any(nil)
	if j.Status == job.Pending && ready.After(now) {
		parked = store.ParkedTime
	}
	readyMicro := int64(0)
	if !ready.IsZero() {
		readyMicro = ready.UnixMicro()
	}
	return []any{string(j.Status), TextOrNull(string(j.Results)), j.ErrorMessage, TimeOrNull(j.StartedAt), TimeOrNull(j.CompletedAt),
		j.ExecutionTime, TextOrNull(string(j.Reason)), progress, warnings, TextOrNull(j.Start), j.Attempt, j.Tries,
		j.Recoveries, TextOrNull(j.Worker), TextOrNull(j.LastOutcome), TimeOrNull(j.NextTryAt),
		TimeOrNull(j.CancelRequestedAt), readyMicro, parked}, nil
}

// ScanJob reads the columns Job or BriefJob.
func ScanJob(row Scanner) (job.Job, error) {
	var (
		j                                             job.Job
		parameters, created, options, status          string
		runAt, expires, retryOn, results, started     sql.NullString
		completed, reason, progress, warnings, start  sql.NullString
		worker, lastOutcome, nextTry, cancelRequested sql.NullString
		labels, concurrencyKey, requires, callback    sql.NullString
		writes                                        sql.NullString
		concurrencyLimit                              sql.NullInt64
		timeoutMS                                     int64
	)
	err := row.Scan(&j.ID, &j.Pipeline, &j.UserID, &parameters, &created, &j.Project, &j.SubmittedBy, &options,
		&j.Queue.Priority, &runAt, &expires, &timeoutMS, &j.Queue.MaxAttempts, &retryOn, &j.Queue.MaxRecoveries, &j.RetryOf,
		&j.ScheduleID, &labels, &concurrencyKey, &concurrencyLimit, &requires, &callback, &status, &results, &writes, &j.ErrorMessage, &started, &completed, &j.ExecutionTime, &reason, &progress,
		&warnings, &start, &j.Attempt, &j.Tries, &j.Recoveries, &worker, &lastOutcome, &nextTry, &cancelRequested)
	if err != nil {
		return j, err
	}
	j.Parameters, j.Status, j.Reason = json.RawMessage(parameters), job.Status(status), job.Reason(reason.String)
	j.Queue.Timeout = time.Duration(timeoutMS) * time.Millisecond
	j.Start, j.Worker, j.LastOutcome = start.String, worker.String, lastOutcome.String
	j.CallbackURL = callback.String
	j.Queue.ConcurrencyKey, j.Queue.ConcurrencyLimit = concurrencyKey.String, int(concurrencyLimit.Int64)
	if results.Valid {
		j.Results = json.RawMessage(results.String)
	}
	var d Decoder
	j.CreatedAt = *d.Time("created_at", Text(created))
	j.Queue.RunAt, j.Queue.ExpiresAt = d.Time("run_at", runAt), d.Time("expires_at", expires)
	j.StartedAt, j.CompletedAt = d.Time("started_at", started), d.Time("completed_at", completed)
	j.NextTryAt, j.CancelRequestedAt = d.Time("next_try_at", nextTry), d.Time("cancel_requested_at", cancelRequested)
	d.JSON("options", Text(options), &j.Options)
	d.JSON("labels", labels, &j.Labels)
	d.JSON("requires", requires, &j.Queue.Requires)
	d.JSON("retry_on", retryOn, &j.Queue.RetryOn)
	d.JSON("progress", progress, &j.Progress)
	d.JSON("warnings", warnings, &j.Warnings)
	d.JSON("writes", writes, &j.Queue.Writes)
	if d.Err != nil {
		return j, fmt.Errorf("job %s as stored: %w", j.ID, d.Err)
	}
	return j, nil
}
