package sqlite

import (
	"context"
	"fmt"

	"github.com/kedrod/kedrod/internal/job"
)

// SubmitAll writes new jobs, all or none.
func (s *Store) SubmitAll(ctx context.Context, jobs []job.Job) error {
	now := s.timestamp()
	args := make([][]any, len(jobs))
	for i := range jobs {
		var err error
		if args[i], err = insertArgs(&jobs[i], now); err != nil {
			return err
		}
	}
	err := s.write.do(ctx, normal, func(ctx context.Context, t *tx) error {
		for i := range jobs {
			if err := t.insert(ctx, &jobs[i], args[i], now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("submit a batch: %w", err)
	}
	return nil
}
