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

// maxMoves is how many jobs one claim parks or ends before it lets others write; what is
// left is for the next claim, which is called for at once.
const maxMoves = 256

// Claim gives up to c.Limit eligible jobs to a worker, in the order of their keys. What
// is due by its time becomes eligible, what has expired ends, and what meets a full
// scope or lacks a label is parked. Who was asked to drain gets nothing.
func (s *Store) Claim(ctx context.Context, c store.Claim) ([]job.Job, error) {
	var claimed []job.Job
	err := s.write.do(ctx, urgent, func(ctx context.Context, t *tx) error {
		claimed = nil
		var drains bool
		const asked = `SELECT EXISTS (SELECT 1 FROM workers WHERE id = ? AND (drain_requested_at IS NOT NULL OR state IN ('stopped', 'lost')))`
		if err := t.row(ctx, asked, []any{c.Worker}, &drains); err != nil || drains {
			return err
		}
		now := s.timestamp()
		const due = `UPDATE jobs SET parked_on = NULL WHERE id IN (SELECT id FROM jobs INDEXED BY jobs_timed
			WHERE status = 'pending' AND parked_on = 'time' AND ready_at <= ? ORDER BY ready_at LIMIT 500)`
		if err := t.exec(ctx, due, now.UnixMicro()); err != nil {
			return err
		}
		r := round{tx: t, claim: c, now: now, counts: map[string]int{}}
		err := r.run(ctx)
		claimed = r.claimed
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim: %w", err)
	}
	return claimed, nil
}

// round is one claim inside its transaction.
type round struct {
	*tx
	claim   store.Claim
	now     time.Time
	claimed []job.Job
	moves   int
	counts  map[string]int // of running jobs, by scope
	have    []string       // sets of required labels, as stored, that the worker has; nil: not looked for yet
}

// candidate is what must be known of a job to judge whether it may run.
type candidate struct {
	at place
	store.PipelineOf
	key      string
	limit    int
	requires sql.NullString
	writes   *job.Writes
}

func (r *round) run(ctx context.Context) error {
	for len(r.claimed) < r.claim.Limit {
		candidates, err := r.candidates(ctx, r.claim.Limit-len(r.claimed))
		if err != nil || len(candidates) == 0 {
			return err
		}
		for i := range candidates {
			before := r.unparked
			if err := r.take(ctx, &candidates[i]); err != nil {
				return err
			}
			if r.unparked != before { // what came into sight may be first
				break
			}
		}
		if r.moves >= maxMoves {
			r.publish(queueTopic)
			return nil
		}
	}
	return nil
}

// take claims the candidate, or parks it where it has to wait.
func (r *round) take(ctx context.Context, c *candidate) error {
	on, err := r.blocked(ctx, c)
	if err != nil {
		return err
	}
	if on != "" {
		r.moves++
		return r.park(ctx, c, on)
	}
	before, err := r.load(ctx, c.at.id)
	if err != nil {
		return err
	}
	after := before
	a, err := after.Claim(r.claim.Worker, r.now)
	if errors.Is(err, job.ErrNotClaimable) { // expired, or the clock was set back
		after.Expire(r.now)
		r.moves++
		return r.save(ctx, &before, &after, r.now)
	}
	if err != nil {
		return err
	}
	if err := r.claimWrites(ctx, &after); err != nil {
		return err
	}
	if err := r.save(ctx, &before, &after, r.now); err != nil {
		return err
	}
	const insert = `INSERT INTO attempts (job_id, number, worker, status, claimed_at) VALUES (?, ?, ?, ?, ?)`
	if err := r.exec(ctx, insert, a.JobID, a.Number, a.Worker, string(a.Status), job.FormatTime(a.ClaimedAt)); err != nil {
		return err
	}
	r.claimed = append(r.claimed, after)
	for _, scope := range []string{store.ScopeOfProject(c.Project), store.ScopeOfPipeline(c.PipelineOf), store.ScopeOfKey(c.key)} {
		if n, counted := r.counts[scope]; counted {
			r.counts[scope] = n + 1
		}
	}
	return nil
}

// blocked gives what a candidate has to wait for; "" when it may run.
func (r *round) blocked(ctx context.Context, c *candidate) (string, error) {
	if c.requires.Valid {
		var requires map[string]string
		if err := json.Unmarshal([]byte(c.requires.String), &requires); err != nil {
			return "", fmt.Errorf("requires of %s as stored: %w", c.at.id, err)
		}
		if _, _, lacks := store.Lacks(requires, r.claim.Labels); lacks {
			return store.ParkedRequires, nil
		}
	}
	if full, err := r.fullProject(ctx, c); err != nil || full {
		return store.ScopeOfProject(c.Project), err
	}
	if full, err := r.fullPipeline(ctx, c); err != nil || full {
		return store.ScopeOfPipeline(c.PipelineOf), err
	}
	if c.key != "" {
		scope := store.ScopeOfKey(c.key)
		n, err := r.running(ctx, scope, countKey, c.key)
		if err != nil {
			return "", err
		}
		if full, err := r.fullKey(ctx, c.key, n, c.limit, c.at); err != nil || full {
			return scope, err
		}
	}
	if !c.writes.Waits() {
		return "", nil
	}
	path, err := r.blockedBy(ctx, c.writes, c.Project, c.at)
	if err != nil || path == "" {
		return "", err
	}
	return store.ScopeOfPath(c.Project, path), nil
}

func (r *round) fullProject(ctx context.Context, c *candidate) (bool, error) {
	return r.full(ctx, store.ScopeOfProject(c.Project), r.claim.Limits.Projects[c.Project], countProject, c.Project)
}

func (r *round) fullPipeline(ctx context.Context, c *candidate) (bool, error) {
	return r.full(ctx, store.ScopeOfPipeline(c.PipelineOf), r.claim.Limits.Pipelines[c.PipelineOf], countPipeline, c.Project, c.Pipeline)
}

// full is for a limit that all jobs of the scope share; 0 is none.
func (r *round) full(ctx context.Context, scope string, limit int, count string, args ...any) (bool, error) {
	if limit == 0 {
		return false, nil
	}
	n, err := r.running(ctx, scope, count, args...)
	return err == nil && n >= limit, err
}

// running counts once in a round.
func (r *round) running(ctx context.Context, scope, count string, args ...any) (int, error) {
	n, counted := r.counts[scope]
	if !counted {
		if err := r.row(ctx, count, args, &n); err != nil {
			return 0, err
		}
		r.counts[scope] = n
	}
	return n, nil
}

// park puts a candidate out of sight, and lets the next of those scopes come up in which
// it was the one in sight, see scopes.go.
func (r *round) park(ctx context.Context, c *candidate, on string) error {
	if err := r.exec(ctx, `UPDATE jobs SET parked_on = ? WHERE id = ?`, on, c.at.id); err != nil {
		return err
	}
	project, pipeline, key := store.ScopeOfProject(c.Project), store.ScopeOfPipeline(c.PipelineOf), store.ScopeOfKey(c.key)
	_, onPath := store.PathOfScope(on)
	if err := r.parkWrites(ctx, c, onPath); err != nil {
		return err
	}
	if (on == store.ParkedRequires || onPath) && c.key != "" {
		if err := r.settleKey(ctx, c.key); err != nil {
			return err
		}
	}
	if on == store.ParkedRequires || on == key || onPath {
		if err := r.unpark(ctx, pipeline); err != nil {
			return err
		}
	}
	if on != project {
		return r.unpark(ctx, project)
	}
	return nil
}
