package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

// SubmitAll writes new jobs, all or none. With an idempotency key that is known it
// writes none and gives the first ones, in their order and as far as they are still
// kept; a Conflict when the request was another one.
func (s *Store) SubmitAll(ctx context.Context, jobs []job.Job, idem *store.Idempotency) (first []job.Job, err error) {
	now := s.timestamp()
	args := make([][]any, len(jobs))
	for i := range jobs {
		if args[i], err = insertArgs(&jobs[i], now); err != nil {
			return nil, err
		}
		if idem != nil {
			a := args[i]
			a[len(a)-2], a[len(a)-1] = rows.ItemKey(idem.Key, i), idem.Hash
		}
	}
	err = s.write.do(ctx, normal, func(ctx context.Context, t *tx) error {
		if idem != nil {
			ids, err := t.repeatedAll(ctx, *idem)
			if err != nil || len(ids) > 0 {
				first, err = loadAll(ctx, ids, err, t.load)
				return err
			}
		}
		for i := range jobs {
			if err := t.insert(ctx, &jobs[i], args[i], now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("submit a batch: %w", err)
	}
	return first, nil
}

// RepeatedAll looks for the jobs that a batch with this key made before; none when
// there are none, a Conflict when the request was another one.
func (s *Store) RepeatedAll(ctx context.Context, idem store.Idempotency) ([]job.Job, error) {
	rows, err := s.read.QueryContext(ctx, itemsOfKey, rows.ItemKey(idem.Key, 0), rows.ItemKey(idem.Key, rows.MaxItem))
	if err != nil {
		return nil, readFault("idempotency key", err)
	}
	ids, err := sameRequests(rows, idem)
	return loadAll(ctx, ids, err, s.Get)
}

func (t *tx) repeatedAll(ctx context.Context, idem store.Idempotency) ([]string, error) {
	rows, err := t.query(ctx, itemsOfKey, rows.ItemKey(idem.Key, 0), rows.ItemKey(idem.Key, rows.MaxItem))
	if err != nil {
		return nil, err
	}
	return sameRequests(rows, idem)
}

const itemsOfKey = "SELECT id, idempotency_hash FROM jobs WHERE idempotency_key BETWEEN ? AND ? ORDER BY idempotency_key"

// sameRequests gives the ids of the jobs with the key.
func sameRequests(of *sql.Rows, idem store.Idempotency) ([]string, error) {
	type found struct{ id, hash string }
	all, err := collectRows(of, func(sc scanner) (f found, err error) { return f, sc.Scan(&f.id, &f.hash) })
	if err != nil {
		return nil, readFault("idempotency key", err)
	}
	ids := make([]string, len(all))
	for i, f := range all {
		if f.hash != idem.Hash {
			return nil, rows.OtherRequest()
		}
		ids[i] = f.id
	}
	return ids, nil
}

func loadAll(ctx context.Context, ids []string, err error, load func(context.Context, string) (job.Job, error)) ([]job.Job, error) {
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	jobs := make([]job.Job, len(ids))
	for i, id := range ids {
		if jobs[i], err = load(ctx, id); err != nil {
			return nil, err
		}
	}
	return jobs, nil
}
