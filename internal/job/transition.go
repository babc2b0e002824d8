package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// ErrFenced refuses a report of an attempt that no longer stands: another claim has
// been made since, or the job has ended otherwise. The reporter drops its run.
var ErrFenced = errors.New("the report is not from the attempt that stands")

// ErrNotClaimable refuses a claim of a job that is not pending or not yet due.
var ErrNotClaimable = errors.New("the job can't be claimed")

// Outcome is how an attempt ended, as the worker saw it.
type Outcome struct {
	Status        Status          // Completed, Failed or Cancelled
	Reason        Reason          // with Failed
	Message       string          // for a person; "" unless Failed
	Results       json.RawMessage `json:",omitempty"`
	Progress      *Progress
	Warnings      []string
	Start         string
	ExitCode      *int
	Signal        string
	StartedAt     *time.Time // when its process started; nil: it never did
	EndedAt       time.Time
	ExecutionTime float64 // seconds, by a clock that does not step
}

// Key is the outcome in a word, by which a repeated report is known again.
func (o Outcome) Key() string {
	if o.Reason != "" {
		return string(o.Status) + ":" + string(o.Reason)
	}
	return string(o.Status)
}

const returned = "returned" // LastOutcome of an attempt that was given back

// Claim gives the job to a worker: a new attempt. ErrNotClaimable when it is not
// pending, not due, or past its expiry.
func (j *Job) Claim(worker string, now time.Time) (Attempt, error) {
	if j.Status != Pending || j.ReadyAt().After(now) || j.expired(now) {
		return Attempt{}, ErrNotClaimable
	}
	return j.claim(worker, now), nil
}

func (j *Job) claim(worker string, now time.Time) Attempt {
	now = Truncate(now)
	j.Status, j.Worker, j.LastOutcome = Running, worker, ""
	j.Attempt++
	j.StartedAt = &now // the claim's, until Started tells the process's
	j.NextTryAt, j.ExecutionTime, j.Progress, j.Results = nil, nil, nil, nil
	j.Reason, j.ErrorMessage, j.Start, j.Warnings = "", nil, "", j.Queue.Writes.Warnings()
	return Attempt{JobID: j.ID, Number: j.Attempt, Worker: worker, Status: Running, ClaimedAt: now}
}

// Advance records what is known of a run under way: when its process started, how
// it started, its progress. ErrFenced unless the attempt is the one that runs.
func (j *Job) Advance(ref Ref, startedAt *time.Time, start string, p *Progress) error {
	if j.Status != Running || !j.stands(ref) {
		return ErrFenced
	}
	if startedAt != nil {
		j.StartedAt = startedAt
	}
	if start != "" {
		j.Start = start
	}
	if p != nil {
		j.Progress = p
	}
	return nil
}

// Report ends an attempt. It counts with the job's attempt and worker only, while
// the job runs or is pending again under the same attempt (the worker was taken for
// lost too early); repeated with the same outcome it succeeds and changes nothing.
// jitter in [0, 1) spreads the next try.
func (j *Job) Report(ref Ref, o Outcome, now time.Time, jitter float64) error {
	if !j.stands(ref) {
		return ErrFenced
	}
	if j.LastOutcome != "" {
		if j.LastOutcome == o.Key() {
			return nil
		}
		return ErrFenced
	}
	if j.Status.Terminal() {
		return ErrFenced // ended without a word from the worker
	}
	j.LastOutcome = o.Key()
	j.Results, j.Start = o.Results, o.Start
	j.Warnings = slices.Concat(j.Warnings, o.Warnings) // what was found while it ran comes first
	if o.Progress != nil {
		j.Progress = o.Progress
	}
	if o.StartedAt != nil {
		j.StartedAt = o.StartedAt
	}
	secs := o.ExecutionTime
	j.ExecutionTime = &secs
	switch o.Status {
	case Completed:
		j.end(Completed, "", "", o.EndedAt)
	case Cancelled:
		j.end(Cancelled, "", "", o.EndedAt)
	default:
		j.fail(o, now, jitter)
	}
	return nil
}

func (j *Job) fail(o Outcome, now time.Time, jitter float64) {
	if o.Reason.Retryable() {
		j.Tries++
	}
	retry := o.Reason.Retryable() && j.Tries < j.Queue.MaxAttempts && !j.expired(now) &&
		(j.Queue.RetryOn == nil || slices.Contains(j.Queue.RetryOn, o.Reason))
	switch {
	case retry && j.CancelRequestedAt != nil:
		j.end(Cancelled, "", "", o.EndedAt)
	case retry:
		at := Truncate(now.Add(Backoff(j.Tries, jitter)))
		j.Status, j.Reason, j.ErrorMessage, j.NextTryAt = Pending, o.Reason, &o.Message, &at
	default:
		j.end(Failed, o.Reason, o.Message, o.EndedAt)
	}
}

// GiveBack returns a job that was claimed and whose run was never started, or was
// ended by a drain: no try and no recovery is used up. A job whose cancel was asked
// for is cancelled instead. ErrFenced unless the attempt is the one that runs.
func (j *Job) GiveBack(ref Ref, now time.Time) error {
	if j.Status != Running || !j.stands(ref) {
		return ErrFenced
	}
	j.LastOutcome = returned
	if j.CancelRequestedAt != nil {
		j.end(Cancelled, "", "", now)
		return nil
	}
	j.Status, j.Progress = Pending, nil
	return nil
}

// Lose takes a running job from a worker that is lost: pending again while
// recoveries are left, cancelled if that was asked for, else failed. It reports
// whether the job was the worker's.
func (j *Job) Lose(worker string, now time.Time) bool {
	if j.Status != Running || j.Worker != worker {
		return false
	}
	j.lose(now)
	return true
}

func (j *Job) lose(now time.Time) {
	j.Progress = nil
	switch {
	case j.CancelRequestedAt != nil:
		j.end(Cancelled, "", "", now)
	case j.Recoveries < j.Queue.MaxRecoveries:
		j.Recoveries++
		j.Status = Pending
	default:
		j.end(Failed, WorkerLost, lostMessage(j.Queue.MaxRecoveries), now)
	}
}

func lostMessage(recoveries int) string {
	if recoveries == 0 {
		return "The worker was lost while it ran the job, and max_recoveries is 0. Submit it again if running it twice is safe."
	}
	return fmt.Sprintf("The worker was lost while it ran the job, after %d recoveries (max_recoveries). "+
		"Look for what ends the worker: memory, the machine, or the run itself.", recoveries)
}

// RequestCancel asks for the job's end: at once while pending, by its worker while
// running. On a job that ended, or whose cancel was asked for, it changes nothing
// and reports false.
func (j *Job) RequestCancel(now time.Time) bool {
	now = Truncate(now)
	switch {
	case j.Status == Pending:
		j.CancelRequestedAt = &now
		j.end(Cancelled, "", "", now)
		return true
	case j.Status == Running && j.CancelRequestedAt == nil:
		j.CancelRequestedAt = &now
		return true
	}
	return false
}

// Expire ends a pending job whose expires_at has passed, and reports whether it did.
func (j *Job) Expire(now time.Time) bool {
	if j.Status != Pending || !j.expired(now) {
		return false
	}
	j.end(Failed, Expired, "expires_at passed before the job could run.", now)
	return true
}

// Backoff is the wait before try number tries+1: 5 s doubled with each try, at most
// 10 minutes, of which jitter in [0, 1) takes away up to half.
func Backoff(tries int, jitter float64) time.Duration {
	d := math.Min(5*math.Pow(2, float64(min(tries, 30)-1)), 600)
	return time.Duration(d * (1 - jitter/2) * float64(time.Second))
}

func (j *Job) stands(ref Ref) bool {
	return ref.Attempt > 0 && j.Attempt == ref.Attempt && j.Worker == ref.Worker
}

func (j *Job) expired(now time.Time) bool {
	return j.Queue.ExpiresAt != nil && !j.Queue.ExpiresAt.After(now)
}

func (j *Job) end(s Status, r Reason, message string, at time.Time) {
	at = Truncate(at)
	j.Status, j.Reason, j.CompletedAt, j.NextTryAt, j.ErrorMessage = s, r, &at, nil, nil
	if message != "" {
		j.ErrorMessage = &message
	}
	if j.Progress != nil {
		j.Progress.Running = []string{}
	}
}
