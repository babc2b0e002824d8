package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// RequestDrain asks a worker to take no more jobs, and to end once its runs have. It
// gives the worker as it is then; one that has ended, or was asked before, stays as it
// is. A NotFound fault when there is none.
func (s *Store) RequestDrain(ctx context.Context, id string) (store.Worker, error) {
	var w store.Worker
	err := s.write.do(ctx, urgent, func(ctx context.Context, t *tx) error {
		const ask = `UPDATE workers SET drain_requested_at = ?, state = 'draining' WHERE id = ? AND state IN ('ready', 'draining') AND drain_requested_at IS NULL`
		if err := t.exec(ctx, ask, job.FormatTime(s.now()), id); err != nil {
			return err
		}
		st, err := t.stmt(ctx, selectWorker+` WHERE id = ?`)
		if err != nil {
			return err
		}
		if w, err = scanWorker(st.QueryRowContext(ctx, id)); errors.Is(err, sql.ErrNoRows) {
			return store.NoSuchWorker()
		} else if err != nil {
			return err
		}
		t.publish(store.TopicDrain)
		rows, err := t.query(ctx, heldIDs, id)
		if err != nil {
			return err
		}
		w.Running, err = collectRows(rows, scanID)
		return err
	})
	if err != nil {
		return store.Worker{}, fmt.Errorf("drain a worker: %w", err)
	}
	return w, nil
}

// DrainRequested tells whether the worker was asked to drain.
func (s *Store) DrainRequested(ctx context.Context, worker string) (asked bool, err error) {
	const q = `SELECT EXISTS (SELECT 1 FROM workers WHERE id = ? AND drain_requested_at IS NOT NULL)`
	if err := s.read.QueryRowContext(ctx, q, worker).Scan(&asked); err != nil {
		return false, readFault("drain", err)
	}
	return asked, nil
}
