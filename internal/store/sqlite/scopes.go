package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// A job is claimed while its project, its pipeline and its concurrency key all have a
// free slot. One that meets a full scope is parked on it, out of the way of claims; they
// are looked at in this order, so a job on its project's list has a free key, as far as
// anybody knew. What keeps every eligible job in sight:
//
//   - A scope that has room for n more has n jobs in sight, or none parked on it. So each
//     job that leaves a slot, or leaves the queue while in sight, has the first one of
//     its scope's list unparked. In sight of a pipeline is also what waits for the
//     project, since nothing else of the pipeline could go on there.
//   - In a key, whose jobs may be of several pipelines and have limits of their own (a
//     lane each), the first of every lane that has room is in sight, unless it stands
//     behind one that the key keeps waiting, see headOf.
//
// Unparking one too many costs a look and is never wrong: a claim counts again.

// atScopes is the condition that the partial indexes of parked jobs ask for.
const atScopes = `status = 'pending' AND parked_on < 'time' AND parked_on = ?`

const atLanes = `concurrency_key IS NOT NULL AND ` + atScopes

const (
	unparkFirst = `UPDATE jobs SET parked_on = NULL WHERE rowid = (SELECT rowid FROM jobs INDEXED BY jobs_parked
		WHERE ` + atScopes + ` ORDER BY order_key, id LIMIT 1)`
	unparkLane = `UPDATE jobs SET parked_on = NULL WHERE rowid = (SELECT rowid FROM jobs INDEXED BY jobs_lanes
		WHERE ` + atLanes + ` AND project = ? AND pipeline_name = ? AND concurrency_limit = ? AND (order_key, id) < (?, ?) ORDER BY order_key, id LIMIT 1)`
	anyParked = `SELECT EXISTS (SELECT 1 FROM jobs INDEXED BY jobs_parked WHERE status = 'pending' AND parked_on < 'time')`
)

func pipelineOf(j *job.Job) store.PipelineOf {
	return store.PipelineOf{Project: j.Project, Pipeline: j.Pipeline}
}

// parkedAtOnce gives the scope of a new job's key if that has no room for it already, so
// that a crowd behind a busy key never comes into the way of claims. One that requires
// labels has those looked at first: what no worker may take keeps nobody of its key back.
func (t *tx) parkedAtOnce(ctx context.Context, j *job.Job, now time.Time) (string, error) {
	if j.Queue.ConcurrencyKey == "" || len(j.Queue.Requires) > 0 || j.Status != job.Pending || j.ReadyAt().After(now) {
		return "", nil
	}
	n, err := t.runningKey(ctx, j.Queue.ConcurrencyKey)
	if err != nil {
		return "", err
	}
	full, err := t.fullKey(ctx, j.Queue.ConcurrencyKey, n, j.Queue.ConcurrencyLimit, place{j.OrderKey(), j.ID})
	if err != nil || !full {
		return "", err
	}
	return store.ScopeOfKey(j.Queue.ConcurrencyKey), nil
}

const (
	runsOfKey      = ` FROM jobs INDEXED BY jobs_running_key WHERE status = 'running' AND concurrency_key IS NOT NULL AND concurrency_key = ?`
	runsOfProject  = ` FROM jobs INDEXED BY jobs_running WHERE status = 'running' AND project = ?`
	runsOfPipeline = runsOfProject + ` AND pipeline_name = ?`

	countKey      = `SELECT count(*)` + runsOfKey
	countProject  = `SELECT count(*)` + runsOfProject
	countPipeline = `SELECT count(*)` + runsOfPipeline
)

func (t *tx) runningKey(ctx context.Context, key string) (n int, err error) {
	return n, t.row(ctx, countKey, []any{key}, &n)
}

// parkedBefore gives what a job was parked on that leaves the queue otherwise than by a
// claim; "" when it was in sight.
func (t *tx) parkedBefore(ctx context.Context, before, after *job.Job) (on string, err error) {
	if before.Status != job.Pending || after.Status == job.Running {
		return "", nil
	}
	return on, t.row(ctx, `SELECT coalesce(parked_on, '') FROM jobs WHERE id = ?`, []any{before.ID}, &on)
}

// handOn gives the slots, or the places in sight, that a job left to those parked on its
// scopes.
func (t *tx) handOn(ctx context.Context, before, after *job.Job, parked string, now time.Time) error {
	waits := after.Status == job.Pending && !after.ReadyAt().After(now)
	switch {
	case before.Status == job.Running && after.Status != job.Running:
		return t.release(ctx, after, "")
	case before.Status == job.Pending && after.Status == job.Running && after.Queue.ConcurrencyKey != "":
		return t.settleKey(ctx, after.Queue.ConcurrencyKey) // there may be room for one more
	case before.Status == job.Pending && after.Status != job.Running && !waits:
		return t.release(ctx, after, parked)
	}
	return nil
}

// release unparks the first of each scope in which the job was in sight.
func (t *tx) release(ctx context.Context, j *job.Job, parked string) error {
	if parked == store.ParkedTime || parked == store.ParkedRequires {
		return nil
	}
	if err := t.releasePaths(ctx, j.Project, j.ID); err != nil {
		return err
	}
	var some bool
	if err := t.row(ctx, anyParked, nil, &some); err != nil || !some {
		return err
	}
	key, pipeline, project := store.ScopeOfKey(j.Queue.ConcurrencyKey), store.ScopeOfPipeline(pipelineOf(j)), store.ScopeOfProject(j.Project)
	if j.Queue.ConcurrencyKey != "" { // also one that waited there may have kept others back
		if err := t.settleKey(ctx, j.Queue.ConcurrencyKey); err != nil {
			return err
		}
	}
	if _, onPath := store.PathOfScope(parked); onPath || parked == key || parked == pipeline {
		return nil
	}
	if err := t.unpark(ctx, pipeline); err != nil || parked == project {
		return err
	}
	return t.unpark(ctx, project)
}

// unpark brings the first job of a scope's list into sight.
func (t *tx) unpark(ctx context.Context, scope string) error {
	return t.unparks(ctx, unparkFirst, scope)
}

// unparks runs a statement that brings jobs into sight.
func (t *tx) unparks(ctx context.Context, q string, args ...any) error {
	n, err := t.affected(ctx, q, args...)
	if n > 0 {
		t.unparked += n
		t.publish(queueTopic)
	}
	return err
}

// settleKey brings the first job of each lane of a key into sight that has room.
func (t *tx) settleKey(ctx context.Context, key string) error {
	running, err := t.runningKey(ctx, key)
	if err != nil {
		return err
	}
	head, err := t.headOf(ctx, key, running)
	if err != nil {
		return err
	}
	scope := store.ScopeOfKey(key)
	lanes, err := t.lanes(ctx, scope)
	if err != nil {
		return err
	}
	for _, l := range lanes {
		if l.limit <= running {
			continue
		}
		if err := t.unparks(ctx, unparkLane, scope, l.Project, l.Pipeline, l.limit, head.key, head.id); err != nil {
			return err
		}
	}
	return nil
}

// lane is those jobs of a key that are alike to every limit.
type lane struct {
	store.PipelineOf
	limit int
}

// nextLane skips from lane to lane, however many jobs each has. It asks for the first
// limit that may come next: of >, SQLite seeks to the first job that is equal and reads
// on from there, through all of the lane that is to be skipped.
const nextLane = `SELECT project, pipeline_name, concurrency_limit FROM jobs INDEXED BY jobs_lanes WHERE ` + atLanes + `
	AND (project, pipeline_name, concurrency_limit) >= (?, ?, ?) ORDER BY project, pipeline_name, concurrency_limit LIMIT 1`

func (t *tx) lanes(ctx context.Context, scope string) ([]lane, error) {
	var all []lane
	var last lane
	for {
		var next lane
		err := t.row(ctx, nextLane, []any{scope, last.Project, last.Pipeline, last.limit + 1}, &next.Project, &next.Pipeline, &next.limit)
		if errors.Is(err, sql.ErrNoRows) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all, last = append(all, next), next
	}
}
