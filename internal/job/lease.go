package job

import "time"

// Abandon takes a running job from an attempt whose run its own worker ended because it
// could not renew its lease: as Lose does, but told by the worker, of one job. ErrFenced
// unless the attempt is the one that runs.
func (j *Job) Abandon(ref Ref, now time.Time) error {
	if j.Status != Running || !j.stands(ref) {
		return ErrFenced
	}
	j.lose(now)
	return nil
}

// Assert makes an attempt again whose claim a failover of the database lost while its run
// goes on. It may be repeated. ErrFenced unless the attempt is the one that runs, or the
// job is pending and has seen no later claim than the one before.
func (j *Job) Assert(ref Ref, now time.Time) (Attempt, error) {
	if j.Status != Running || !j.stands(ref) {
		if j.Status != Pending || j.Attempt != ref.Attempt-1 {
			return Attempt{}, ErrFenced
		}
		return j.claim(ref.Worker, now), nil
	}
	return Attempt{JobID: j.ID, Number: j.Attempt, Worker: j.Worker, Status: Running, ClaimedAt: *j.StartedAt}, nil
}
