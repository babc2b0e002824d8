package postgres

import (
	"context"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

// RequestDrain asks a worker to take no more jobs, and to end once its runs have. It
// gives the worker as it is then; one that has ended, or was asked before, stays as it
// is. A NotFound fault when there is none.
func (s *Store) RequestDrain(ctx context.Context, id string) (store.Worker, error) {
	var w store.Worker
	err := s.write(ctx, func(ctx context.Context, t *tx) error {
		t.queue(`UPDATE workers SET drain_requested_at = $1, state = 'draining' WHERE id = $2 AND state IN ('ready', 'draining') AND drain_requested_at IS NULL`,
			job.FormatTime(s.now()), id)
		found, err := rowsOf(ctx, t, selectWorker+` WHERE id = $1`, []any{id}, scanWorker)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return store.NoSuchWorker()
		}
		w = found[0]
		t.publish(store.TopicDrain)
		return nil
	})
	return w, failed("drain a worker", err)
}

// DrainRequested tells whether the worker was asked to drain.
func (s *Store) DrainRequested(ctx context.Context, worker string) (bool, error) {
	const q = `SELECT drain_requested_at IS NOT NULL FROM workers WHERE id = $1`
	asked, _, err := one(ctx, s, "drain", q, []any{worker}, func(row rows.Scanner) (yes bool, err error) { return yes, row.Scan(&yes) })
	return asked, err
}
