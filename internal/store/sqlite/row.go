package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// The columns of jobs come in two groups: those set once, at submission (fixedArgs),
// and those that transitions change (changingArgs).
const (
	insertJob = `INSERT INTO jobs (id, pipeline_name, user_id, parameters, created_at, project, submitted_by, options, priority, run_at,
		expires_at, timeout_ms, max_attempts, retry_on, max_recoveries, retry_of, schedule_id, order_key,
		labels, concurrency_key, concurrency_limit, requires, callback_url,
		status, results, error_message, started_at, completed_at, execution_time, reason, progress, warnings, start,
		attempt, tries, recoveries, worker, last_outcome, next_try_at, cancel_requested_at, ready_at, parked_on,
		idempotency_key, idempotency_hash)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
		?, ?, ?, ?, ?, ?, ?)`

	updateJob = `UPDATE jobs SET status = ?, results = ?, error_message = ?, started_at = ?, completed_at = ?, execution_time = ?, reason = ?,
		progress = ?, warnings = ?, start = ?, attempt = ?, tries = ?, recoveries = ?, worker = ?, last_outcome = ?,
		next_try_at = ?, cancel_requested_at = ?, ready_at = ?, parked_on = ? WHERE id = ?`

	// What scanJob reads; in lists the two large columns are left out unless asked for.
	selectHead  = `SELECT id, pipeline_name, user_id, `
	selectInner = `, created_at, project, submitted_by, options, priority, run_at, expires_at, timeout_ms, max_attempts,
		retry_on, max_recoveries, retry_of, schedule_id, labels, concurrency_key, concurrency_limit, requires, callback_url, status, `
	selectLast = `, error_message, started_at, completed_at, execution_time, reason, progress, warnings, start, attempt, tries,
		recoveries, worker, last_outcome, next_try_at, cancel_requested_at`
	selectTail   = selectLast + ` FROM jobs`
	noParameters = `'{}'`
	noResults    = `NULL`
	selectJob    = selectHead + `parameters` + selectInner + `results` + selectTail
	selectBrief  = selectHead + noParameters + selectInner + noResults + selectTail
)

func fixedArgs(j *job.Job) ([]any, error) {
	options, err := json.Marshal(j.Options)
	if err != nil {
		return nil, fmt.Errorf("options of %s: %w", j.ID, err)
	}
	retryOn, err := jsonOrNull(j.Queue.RetryOn, j.Queue.RetryOn != nil)
	if err != nil {
		return nil, err
	}
	labels, err := jsonOrNull(j.Labels, len(j.Labels) > 0)
	if err != nil {
		return nil, err
	}
	requires, err := jsonOrNull(j.Queue.Requires, len(j.Queue.Requires) > 0)
	if err != nil {
		return nil, err
	}
	parameters := string(j.Parameters)
	if parameters == "" {
		parameters = "{}"
	}
	q := j.Queue
	return []any{j.ID, j.Pipeline, j.UserID, parameters, job.FormatTime(j.CreatedAt), j.Project, j.SubmittedBy,
		string(options), q.Priority, timeOrNull(q.RunAt), timeOrNull(q.ExpiresAt), q.Timeout.Milliseconds(), q.MaxAttempts,
		retryOn, q.MaxRecoveries, j.RetryOf, j.ScheduleID, j.OrderKey(),
		labels, textOrNull(q.ConcurrencyKey), intOrNull(q.ConcurrencyLimit), requires, textOrNull(j.CallbackURL)}, nil
}

func changingArgs(j *job.Job, now time.Time) ([]any, error) {
	progress, err := jsonOrNull(j.Progress, j.Progress != nil)
	if err != nil {
		return nil, err
	}
	warnings, err := jsonOrNull(j.Warnings, len(j.Warnings) > 0)
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
	return []any{string(j.Status), textOrNull(string(j.Results)), j.ErrorMessage, timeOrNull(j.StartedAt), timeOrNull(j.CompletedAt),
		j.ExecutionTime, textOrNull(string(j.Reason)), progress, warnings, textOrNull(j.Start), j.Attempt, j.Tries,
		j.Recoveries, textOrNull(j.Worker), textOrNull(j.LastOutcome), timeOrNull(j.NextTryAt),
		timeOrNull(j.CancelRequestedAt), readyMicro, parked}, nil
}

type scanner interface{ Scan(dest ...any) error }

func scanJob(row scanner) (job.Job, error) {
	var (
		j                                             job.Job
		parameters, created, options, status          string
		runAt, expires, retryOn, results, started     sql.NullString
		completed, reason, progress, warnings, start  sql.NullString
		worker, lastOutcome, nextTry, cancelRequested sql.NullString
		labels, concurrencyKey, requires, callback    sql.NullString
		concurrencyLimit                              sql.NullInt64
		timeoutMS                                     int64
	)
	err := row.Scan(&j.ID, &j.Pipeline, &j.UserID, &parameters, &created, &j.Project, &j.SubmittedBy, &options,
		&j.Queue.Priority, &runAt, &expires, &timeoutMS, &j.Queue.MaxAttempts, &retryOn, &j.Queue.MaxRecoveries, &j.RetryOf,
		&j.ScheduleID, &labels, &concurrencyKey, &concurrencyLimit, &requires, &callback, &status, &results, &j.ErrorMessage, &started, &completed, &j.ExecutionTime, &reason, &progress,
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
	var d decoder
	j.CreatedAt = *d.time("created_at", sql.NullString{String: created, Valid: true})
	j.Queue.RunAt, j.Queue.ExpiresAt = d.time("run_at", runAt), d.time("expires_at", expires)
	j.StartedAt, j.CompletedAt = d.time("started_at", started), d.time("completed_at", completed)
	j.NextTryAt, j.CancelRequestedAt = d.time("next_try_at", nextTry), d.time("cancel_requested_at", cancelRequested)
	d.json("options", sql.NullString{String: options, Valid: true}, &j.Options)
	d.json("labels", labels, &j.Labels)
	d.json("requires", requires, &j.Queue.Requires)
	d.json("retry_on", retryOn, &j.Queue.RetryOn)
	d.json("progress", progress, &j.Progress)
	d.json("warnings", warnings, &j.Warnings)
	if d.err != nil {
		return j, fmt.Errorf("job %s as stored: %w", j.ID, d.err)
	}
	return j, nil
}

// decoder reads columns and keeps the first error.
type decoder struct{ err error }

func (d *decoder) time(column string, v sql.NullString) *time.Time {
	if !v.Valid {
		return nil
	}
	t, err := job.ParseTime(v.String)
	if err != nil && d.err == nil {
		d.err = fmt.Errorf("%s: %w", column, err)
	}
	return &t
}

func (d *decoder) json(column string, v sql.NullString, into any) {
	if !v.Valid || d.err != nil {
		return
	}
	if err := json.Unmarshal([]byte(v.String), into); err != nil {
		d.err = fmt.Errorf("%s: %w", column, err)
	}
}

func timeOrNull(t *time.Time) any {
	if t == nil {
		return nil
	}
	return job.FormatTime(*t)
}

func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func intOrNull(n int) any {
	if n == 0 {
		return nil
	}
	return n
}

func jsonOrNull(v any, present bool) (any, error) {
	if !present {
		return nil, nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("column: %w", err)
	}
	return string(b), nil
}

// load reads a job inside the transaction.
func (t *tx) load(ctx context.Context, id string) (job.Job, error) {
	st, err := t.stmt(ctx, selectJob+" WHERE id = ?")
	if err != nil {
		return job.Job{}, err
	}
	j, err := scanJob(st.QueryRowContext(ctx, id))
	if errors.Is(err, sql.ErrNoRows) {
		return j, noSuchJob(id)
	}
	return j, err
}
