package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"math"
)

// place is where a job stands in the order of claims.
type place struct {
	key int64
	id  string
}

// noPlace is behind every job.
func noPlace() place { return place{key: math.MaxInt64} }

func (p place) before(o place) bool { return p.key < o.key || p.key == o.key && p.id < o.id }

// nextHead gives the first job of the next larger limit, of those that a key's running
// jobs keep waiting. What waits for its time or a label keeps nobody back.
const nextHead = `SELECT concurrency_limit, order_key, id FROM jobs INDEXED BY jobs_keyed
	WHERE status = 'pending' AND concurrency_key IS NOT NULL AND (parked_on IS NULL OR parked_on < 'requires')
	AND concurrency_key = ? AND concurrency_limit > ? AND concurrency_limit <= ? ORDER BY concurrency_limit, order_key, id LIMIT 1`

// headOf gives the first job that the running ones of a key keep waiting, by its own
// limit; noPlace when there is none. No job behind it may start, whatever limit that has,
// so that nobody is passed for ever by those with larger ones. It costs a look for each
// limit that waiting jobs have, up to what runs.
func (t *tx) headOf(ctx context.Context, key string, running int) (place, error) {
	head := noPlace()
	for limit := 0; limit < running; {
		var p place
		err := t.row(ctx, nextHead, []any{key, limit, running}, &limit, &p.key, &p.id)
		if errors.Is(err, sql.ErrNoRows) {
			break
		}
		if err != nil {
			return place{}, err
		}
		if p.before(head) {
			head = p
		}
	}
	return head, nil
}

// fullKey reports whether a job with a limit has to wait for the key, of which some run.
func (t *tx) fullKey(ctx context.Context, key string, running, limit int, at place) (bool, error) {
	if running >= limit {
		return true, nil
	}
	head, err := t.headOf(ctx, key, running)
	return err == nil && head.before(at), err
}
