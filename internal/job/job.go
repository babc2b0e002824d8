// Package job is the domain: what a job, an attempt and their states are, and
// every transition between them. It does no I/O and reads no clock.
//
// The stores load a Job, apply one of the transitions in transition.go and write
// the result back under a lock, so that the rules exist once. docs/state-machine.md
// has the drawing.
package job

import (
	"encoding/json"
	"errors"
	"time"
)

// Status is where a job stands. Clients are told to expect new ones.
type Status string

// The states of a job. A waiting job (for its time or its next try) is Pending with
// RunAt or NextTryAt in the future; one being cancelled is Running with
// CancelRequestedAt set.
const (
	Pending   Status = "pending"
	Running   Status = "running"
	Completed Status = "completed"
	Failed    Status = "failed"
	Cancelled Status = "cancelled"
)

// Statuses lists every status, in the order of a job's life.
func Statuses() []Status { return []Status{Pending, Running, Completed, Failed, Cancelled} }

// Terminal reports whether the status is final.
func (s Status) Terminal() bool { return s == Completed || s == Failed || s == Cancelled }

// Reason is why a job failed, as a typed word.
type Reason string

// The reasons. OwnFault tells those that count as a try.
const (
	PipelineError    Reason = "pipeline_error"     // the user's code raised
	PipelineNotFound Reason = "pipeline_not_found" // Kedro has no such pipeline
	InvalidOptions   Reason = "invalid_options"    // Kedro refused the options
	StartError       Reason = "start_error"        // interpreter, project or import
	Timeout          Reason = "timeout"            // over timeout_seconds, and every process is gone
	OutOfMemory      Reason = "out_of_memory"      // MemoryError, or the kernel's killer
	Killed           Reason = "killed"             // a signal that nobody here sent
	StuckProcess     Reason = "stuck_process"      // a process of the run could not be killed
	WorkerLost       Reason = "worker_lost"        // lost its worker more often than max_recoveries
	Expired          Reason = "expired"            // expires_at passed before it ran
)

// Reasons lists every reason.
func Reasons() []Reason {
	return []Reason{PipelineError, PipelineNotFound, InvalidOptions, StartError, Timeout, OutOfMemory, Killed,
		StuckProcess, WorkerLost, Expired}
}

// Retryable reports whether the reason may stand in retry_on: the run's own fault,
// and a further try could end otherwise.
func (r Reason) Retryable() bool {
	switch r {
	case PipelineError, StartError, Timeout, OutOfMemory, Killed:
		return true
	case PipelineNotFound, InvalidOptions, StuckProcess, WorkerLost, Expired:
		return false
	}
	return false
}

// Bounds and defaults of a submission's queue fields.
const (
	DefaultTimeout       = 1800 * time.Second
	MaxTimeout           = 366 * 24 * time.Hour
	DefaultMaxAttempts   = 1
	MaxMaxAttempts       = 100
	DefaultMaxRecoveries = 3
	MaxMaxRecoveries     = 1000
	MaxPriority          = 1_000_000                 // and its negative
	PriorityStep         = 10 * time.Minute          // the head start of one step of priority
	MaxAhead             = 10 * 366 * 24 * time.Hour // how far ahead run_at may lie

	DefaultConcurrencyLimit = 1
	MaxConcurrencyLimit     = 1000
	MaxConcurrencyKey       = 255 // bytes
)

// Options are those of `kedro run` that a submission may name, in Kedro's own
// words. Zero values mean "not given".
type Options struct {
	Tags               []string          `json:"tags,omitempty"`
	NodeNames          []string          `json:"node_names,omitempty"`
	FromNodes          []string          `json:"from_nodes,omitempty"`
	ToNodes            []string          `json:"to_nodes,omitempty"`
	FromInputs         []string          `json:"from_inputs,omitempty"`
	ToOutputs          []string          `json:"to_outputs,omitempty"`
	Namespaces         []string          `json:"namespaces,omitempty"`
	PipelineNames      []string          `json:"pipeline_names,omitempty"`
	LoadVersions       map[string]string `json:"load_versions,omitempty"`
	Env                *string           `json:"env,omitempty"`
	ConfSource         *string           `json:"conf_source,omitempty"`
	Runner             *string           `json:"runner,omitempty"`
	RunnerParams       json.RawMessage   `json:"runner_params,omitempty"`
	IsAsync            *bool             `json:"is_async,omitempty"`
	OnlyMissingOutputs *bool             `json:"only_missing_outputs,omitempty"`
}

// Queue is what a submission says about when and how often it runs. New fills in
// the defaults.
type Queue struct {
	Priority      int           // higher first, within ±MaxPriority
	RunAt         *time.Time    // not before
	ExpiresAt     *time.Time    // not after
	Timeout       time.Duration // of an attempt, from the run's start; whole milliseconds
	MaxAttempts   int           // tries, at least 1
	RetryOn       []Reason      // nil: every retryable one
	MaxRecoveries int           // runs after a lost worker; 0: never again

	ConcurrencyKey   string            // jobs of one key share its slots; "" for none
	ConcurrencyLimit int               // this job is claimed only while fewer of its key run; with a key at least 1
	Requires         map[string]string // labels that a worker must have; nil for none

	Writes *Writes // nil: not kept
}

// Progress counts the nodes of the last attempt.
type Progress struct {
	Done    int      `json:"done"`
	Total   int      `json:"total"`
	Running []string `json:"running"`
}

// Job is one request to run a pipeline, as the store holds it. Times are UTC with
// microseconds.
type Job struct {
	ID          string // UUIDv7, or a task's own id
	Project     string
	Pipeline    string
	UserID      *string         // the client's own free text
	SubmittedBy *string         // who really called; nil without authentication
	Parameters  json.RawMessage // an object, as it was sent
	Options     Options
	Queue       Queue
	Labels      map[string]string // the client's own words; nil for none
	CallbackURL string            // is sent the job at its end; "" for none

	Status       Status
	Reason       Reason // "" unless failed, or waiting for a further try
	ErrorMessage *string
	Results      json.RawMessage // nil until an attempt ended
	Progress     *Progress
	Warnings     []string
	Start        string // "cold" or "warm", of the last attempt

	Attempt     int    // grows with every claim, never falls
	Tries       int    // attempts that ended by the run's own fault
	Recoveries  int    // attempts that ended with their worker
	Worker      string // who holds, or last held, the job
	LastOutcome string // of the current attempt, as Outcome.Key; "" while none is known

	CreatedAt         time.Time
	NextTryAt         *time.Time
	StartedAt         *time.Time // of the last attempt
	CompletedAt       *time.Time
	CancelRequestedAt *time.Time
	ExecutionTime     *float64 // seconds of the last attempt
	RetryOf           *string
	ScheduleID        *string
}

// ReadyAt is the moment from which the job may be claimed: run_at or the next try's,
// whichever is later; the zero time when it may be claimed at once (CreatedAt does
// not count, so that a clock set back holds nothing up).
func (j *Job) ReadyAt() time.Time {
	var at time.Time
	if j.Queue.RunAt != nil {
		at = *j.Queue.RunAt
	}
	if j.NextTryAt != nil && j.NextTryAt.After(at) {
		at = *j.NextTryAt
	}
	return at
}

// OrderKey is the one column by which eligible jobs are claimed, smallest first:
// microseconds of run_at less ten minutes for each step of priority. It is set once, and
// anew when one of them is amended: it does not grow while a job waits, so that a low priority is a late start and never starvation.
func (j *Job) OrderKey() int64 {
	at := j.CreatedAt
	if j.Queue.RunAt != nil {
		at = *j.Queue.RunAt
	}
	return at.UnixMicro() - int64(j.Queue.Priority)*PriorityStep.Microseconds()
}

// How an attempt can end beside the terminal statuses.
const (
	AttemptReturned Status = "returned" // given back by its worker: never started, or drained
	AttemptLost     Status = "lost"     // its worker was lost
)

// Attempt is one claim of a job by one worker.
type Attempt struct {
	JobID         string
	Number        int
	Worker        string
	Status        Status // Running, then how it ended
	Reason        Reason
	ErrorMessage  *string
	ExitCode      *int
	Signal        string
	Start         string
	ClaimedAt     time.Time
	StartedAt     *time.Time
	EndedAt       *time.Time
	ExecutionTime *float64
}

// Ref names an attempt as a report must: the fencing token.
type Ref struct {
	JobID   string
	Attempt int
	Worker  string
}

// Node is one node of an attempt. Status is pending, running, completed, failed,
// skipped or cancelled.
type Node struct {
	Name        string
	Status      string
	StartedAt   *time.Time
	CompletedAt *time.Time
	Seconds     *float64
}

// TimeLayout is how every time looks on the wire and in the store: UTC, always six
// digits, so that text sorts as time.
const TimeLayout = "2006-01-02T15:04:05.000000+00:00"

// FormatTime writes t in TimeLayout.
func FormatTime(t time.Time) string { return t.UTC().Format(TimeLayout) }

// ParseTime reads RFC 3339 (any zone, up to nanoseconds) into UTC microseconds, which
// FormatTime can write: one whose year in UTC has not four digits is refused.
//
//kedrod:parser FuzzParseTime
func ParseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, err
	}
	if t = Truncate(t); t.Year() < 0 || t.Year() > 9999 {
		return time.Time{}, errors.New("the year in UTC must be from 0000 to 9999")
	}
	return t, nil
}

// Truncate brings a time to the precision that is kept.
func Truncate(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
