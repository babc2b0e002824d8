package postgres

import (
	"context"
	"fmt"
	"time"
)

// Alone runs fn unless another process runs one for the same duty just now; ran tells. It
// keeps a connection to itself meanwhile: with that the duty is free again, whatever
// becomes of this process.
func (s *Store) Alone(ctx context.Context, duty string, fn func(context.Context) error) (ran bool, err error) {
	waiting, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	conn, err := s.pool.Acquire(waiting)
	if err != nil {
		return false, fmt.Errorf("%s: %w", duty, callFault(ctx, err))
	}
	defer conn.Release()
	const lock = `SELECT pg_try_advisory_lock(hashtextextended($1, 0))`
	if err := conn.QueryRow(waiting, lock, "kedrod duty "+duty).Scan(&ran); err != nil {
		return false, fmt.Errorf("%s: %w", duty, callFault(ctx, err))
	}
	if !ran {
		return false, nil
	}
	defer func() {
		last, done := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer done()
		if _, uerr := conn.Exec(last, `SELECT pg_advisory_unlock_all()`); uerr != nil {
			_ = conn.Conn().Close(last) // which unlocks as well
		}
	}()
	return true, fn(ctx)
}

// Now is the time by which the store goes: the database's.
func (s *Store) Now() time.Time { return s.now() }
