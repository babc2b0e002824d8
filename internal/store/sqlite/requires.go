package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/kedrod/kedrod/internal/store"
)

// A job that requires labels is parked on store.ParkedRequires by the first claim of a
// worker that lacks some, out of the way of all that lack them. A claim of a worker that
// has labels looks there as well, at the first jobs of each set of labels that it has.

// nextRequires gives the first of the sets that begin so, behind one; '~' sorts behind
// the two characters that may follow.
const nextRequires = `SELECT requires FROM jobs INDEXED BY jobs_requires
	WHERE status = 'pending' AND parked_on = 'requires' AND requires > ? AND requires < ? || '~' ORDER BY requires LIMIT 1`

// sets gives what jobs that are parked require, as it is stored, of which the worker has
// everything. It costs a look for each set that begins with one of its labels.
func (r *round) sets(ctx context.Context) ([]string, error) {
	begins, err := store.RequiresFrom(r.claim.Labels)
	if err != nil {
		return nil, fmt.Errorf("labels: %w", err)
	}
	var have []string
	for _, begin := range begins {
		for last := begin; ; {
			err := r.row(ctx, nextRequires, []any{last, begin}, &last)
			if errors.Is(err, sql.ErrNoRows) {
				break
			}
			if err != nil {
				return nil, err
			}
			var requires map[string]string
			if err := json.Unmarshal([]byte(last), &requires); err != nil {
				return nil, fmt.Errorf("requires as stored: %w", err)
			}
			if _, _, lacks := store.Lacks(requires, r.claim.Labels); !lacks {
				have = append(have, last)
			}
		}
	}
	return have, nil
}

const (
	candidateColumns = `SELECT order_key, id, project, pipeline_name, coalesce(concurrency_key, ''), coalesce(concurrency_limit, 0), requires, writes FROM jobs INDEXED BY `
	candidateOrder   = `) ORDER BY order_key, id LIMIT ?`
)

func nextJobs(projects int) string {
	return candidateColumns + `jobs_claim WHERE status = 'pending' AND parked_on IS NULL AND project IN (` + placeholders(projects) + candidateOrder
}

func nextRequiring(projects int) string {
	return candidateColumns + `jobs_requires WHERE status = 'pending' AND parked_on = 'requires' AND requires = ? AND project IN (` +
		placeholders(projects) + candidateOrder
}

// candidates gives the first jobs that the worker might run.
func (r *round) candidates(ctx context.Context, limit int) ([]candidate, error) {
	if len(r.claim.Labels) > 0 && r.have == nil {
		have, err := r.sets(ctx)
		if err != nil {
			return nil, err
		}
		r.have = append([]string{}, have...) // not nil: they are looked for once
	}
	all, err := r.next(ctx, nextJobs(len(r.claim.Projects)), append(anys(r.claim.Projects), limit))
	if err != nil || len(r.have) == 0 {
		return all, err
	}
	for _, requires := range r.have {
		more, err := r.next(ctx, nextRequiring(len(r.claim.Projects)), append(append([]any{requires}, anys(r.claim.Projects)...), limit))
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	slices.SortFunc(all, func(a, b candidate) int {
		if a.at.before(b.at) {
			return -1
		}
		return 1
	})
	return all[:min(len(all), limit)], nil
}

func (r *round) next(ctx context.Context, q string, args []any) ([]candidate, error) {
	rows, err := r.query(ctx, q, args...)
	if err != nil {
		return nil, err
	}
	return collectRows(rows, func(sc scanner) (c candidate, err error) {
		var writes sql.NullString
		if err := sc.Scan(&c.at.key, &c.at.id, &c.Project, &c.Pipeline, &c.key, &c.limit, &c.requires, &writes); err != nil {
			return c, err
		}
		var d decoder
		d.JSON("writes", writes, &c.writes)
		return c, d.Err
	})
}
