package job

import (
	"errors"
	"maps"
	"time"
)

// ErrNotPending refuses a change of a job that has been claimed or has ended.
var ErrNotPending = errors.New("the job is not pending")

// Amendment is a change of a pending job's place in the queue, or of its labels. What
// is not set stays.
type Amendment struct {
	Priority *int
	SetRunAt bool
	RunAt    *time.Time // with SetRunAt; nil: at once
	// Labels are laid over those the job has; nil takes one away. NoLabels takes all away
	// before.
	Labels   map[string]*string
	NoLabels bool
}

// Amend applies the change. ErrNotPending once the job has been claimed, also while it
// waits for a further try it may be changed.
func (j *Job) Amend(a Amendment) error {
	if j.Status != Pending {
		return ErrNotPending
	}
	if a.Priority != nil {
		j.Queue.Priority = *a.Priority
	}
	if a.SetRunAt {
		j.Queue.RunAt = a.RunAt
	}
	labels := maps.Clone(j.Labels) // the job may be a copy of one that is still in use
	if labels == nil || a.NoLabels {
		labels = map[string]string{}
	}
	for key, value := range a.Labels {
		if value == nil {
			delete(labels, key)
		} else {
			labels[key] = *value
		}
	}
	if j.Labels = labels; len(labels) == 0 {
		j.Labels = nil
	}
	return nil
}
