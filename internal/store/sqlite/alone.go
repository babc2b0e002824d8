package sqlite

import "context"

// Alone runs fn: one process at most serves the data folder.
func (s *Store) Alone(ctx context.Context, _ string, fn func(context.Context) error) (ran bool, err error) {
	return true, fn(ctx)
}
