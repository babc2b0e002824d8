package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// OldestEligible gives since when the first job of the queue can run; nil when none
// waits for a slot.
func (s *Store) OldestEligible(ctx context.Context) (*time.Time, error) {
	const q = `SELECT created_at, ready_at FROM jobs INDEXED BY jobs_claim WHERE status = 'pending' AND parked_on IS NULL ORDER BY order_key, id LIMIT 1`
	var created string
	var ready int64
	switch err := s.read.QueryRowContext(ctx, q).Scan(&created, &ready); {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, readFault("oldest job", err)
	}
	var d decoder
	since := d.Time("created_at", sql.NullString{String: created, Valid: true})
	if t := time.UnixMicro(ready).UTC(); t.After(*since) {
		since = &t
	}
	return since, d.Err
}
