package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

// A job is claimed while its project, its pipeline and its concurrency key all have a
// free slot. One that meets a full scope is parked on it, out of the way of claims; they
// are looked at in this order, so a job on its project's list has a free key, as far as
// anybody knew. What keeps every eligible job in sight is as in the SQLite store: a scope
// that has room for n more has n jobs in sight, or none parked on it.
//
// Many claim at once. Whoever counts what runs in a scope, or parks jobs there or brings
// them up, holds the scope's lock until its commit, and so sees all that others counted
// before. It only tries for locks: of a scope that another has, jobs are passed over and
// looked at again soon. Whatever else gives up a slot writes a row of `freed` and takes
// no lock. A claim that has the lock deletes those rows and brings up as many jobs: a job
// that was parked by a count from before the slot was given up is there by then, since
// who parked it held the lock.

const (
	claimJobs = `SELECT what, coalesce(id_of, ''), ` + rows.Job + ` FROM (SELECT what, id_of, (j).* FROM kedrod_claim($1,
		CASE WHEN EXISTS (SELECT 1 FROM workers WHERE id = $1 AND (drain_requested_at IS NOT NULL OR state IN ('stopped', 'lost'))) THEN 0 ELSE $2 END, $3, $4, $5, $6, $7, $8, $9)) AS claimed`

	claimAgain = 4                    // how often a claim that got nothing looks again for others' locks
	claimPause = time.Millisecond     // about, before it does
	sweepEvery = 5 * time.Second      // how often scopes are looked at although nothing was given up there
	wakeSoon   = 5 * time.Millisecond // after which claimers look again where others were in the way
)

// Claim gives up to c.Limit eligible jobs to a worker, in the order of their keys. What
// is due by its time becomes eligible, what has expired ends, and what meets a full
// scope or lacks a label is parked. Who was asked to drain gets nothing.
func (s *Store) Claim(ctx context.Context, c store.Claim) ([]job.Job, error) {
	jobs, err := s.claim(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("claim: %w", err)
	}
	return jobs, nil
}

func (s *Store) claim(ctx context.Context, c store.Claim) ([]job.Job, error) {
	slots := slotsOf(c.Limits)
	if err := s.limit(ctx, slots); err != nil {
		return nil, err
	}
	if err := s.sweep(ctx, slots); err != nil {
		return nil, err
	}
	var claimed []job.Job
	for n := 0; len(claimed) < c.Limit; n++ {
		got, err := s.claimOnce(ctx, c, c.Limit-len(claimed), slots)
		if err != nil {
			if len(claimed) > 0 { // they are the worker's already
				return claimed, nil
			}
			return nil, err
		}
		claimed = append(claimed, got.jobs...)
		if err := s.expire(ctx, got.expired); err != nil {
			s.log.WarnContext(ctx, "jobs that expired could not be ended", "error", err)
		}
		switch {
		case len(got.expired) > 0: // what they kept back may come up
			continue
		case got.again && len(claimed) == 0 && n < claimAgain:
			if err := pause(ctx, claimPause); err != nil {
				return nil, err
			}
			continue
		case got.again:
			s.soon(store.TopicQueue)
		}
		break
	}
	return claimed, nil
}

// found is what one call of kedrod_claim gives.
type found struct {
	jobs    []job.Job
	expired []string
	again   bool
}

func (s *Store) claimOnce(ctx context.Context, c store.Claim, want int, slots map[string]int) (got found, err error) {
	labels, limits := []byte(`{}`), []byte(`{}`)
	if len(c.Labels) > 0 {
		if labels, err = json.Marshal(c.Labels); err != nil {
			return got, err
		}
	}
	if len(slots) > 0 {
		if limits, err = json.Marshal(slots); err != nil {
			return got, err
		}
	}
	beginnings, err := store.RequiresFrom(c.Labels)
	if err != nil {
		return got, err
	}
	now := s.timestamp()
	event := string(job.Changes(&job.Job{Status: job.Pending}, &job.Job{Status: job.Running, Attempt: 1}, now)[0].Data)
	args := []any{c.Worker, want, c.Projects, string(labels), append([]string{}, beginnings...), string(limits), job.FormatTime(now), now.UnixMicro(), event}
	for n := 1; ; n++ {
		got, err = s.claimFrom(ctx, args)
		if err == nil || !again(err) || n == tries {
			return got, err
		}
		if err := pause(ctx, time.Duration(n)*time.Millisecond); err != nil {
			return got, err
		}
	}
}

func (s *Store) claimFrom(ctx context.Context, args []any) (got found, err error) {
	type row struct {
		what, id string
		job      job.Job
	}
	all, err := collect(ctx, s, "jobs", claimJobs, args, func(sc rows.Scanner) (r row, err error) {
		lead := leading{sc, []any{&r.what, &r.id}}
		if err := lead.Scan(make([]any, strings.Count(rows.Job, ",")+1)...); err != nil || r.what != "job" {
			return r, err // there is no job in the row
		}
		r.job, err = rows.ScanJob(lead)
		return r, err
	})
	if err != nil {
		return got, err
	}
	var topics []string
	for _, r := range all {
		switch r.what {
		case "job":
			got.jobs = append(got.jobs, r.job)
			topics = append(topics, store.TopicEvents, store.TopicJob(r.job.ID))
		case "expired":
			got.expired = append(got.expired, r.id)
		case "again":
			got.again = true
		case "wake":
			topics = append(topics, store.TopicQueue)
		}
	}
	s.publish(topics...)
	return got, nil
}

// leading is a row with more columns before those that are asked for.
type leading struct {
	rows.Scanner
	into []any
}

// Scan reads the leading columns, too.
func (l leading) Scan(dest ...any) error { return l.Scanner.Scan(append(l.into, dest...)...) }

// slotsOf gives the limits by scope, without those that are none.
func slotsOf(l store.Limits) map[string]int {
	slots := make(map[string]int, len(l.Projects)+len(l.Pipelines))
	for p, n := range l.Projects {
		if n > 0 {
			slots[store.ScopeOfProject(p)] = n
		}
	}
	for p, n := range l.Pipelines {
		if n > 0 {
			slots[store.ScopeOfPipeline(p)] = n
		}
	}
	return slots
}

func isKey(scope string) bool { return strings.HasPrefix(scope, store.ScopeOfKey("")) }
