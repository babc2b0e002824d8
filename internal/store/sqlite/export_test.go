package sqlite

import (
	"context"
	"strings"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// Durability reads the writing connection's settings.
func (s *Store) Durability(ctx context.Context) (mode string, synchronous int, err error) {
	err = s.write.do(ctx, normal, func(ctx context.Context, t *tx) error {
		if err := t.conn.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
			return err
		}
		return t.conn.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous)
	})
	return mode, synchronous, err
}

// Plans gives statements whose plans are tested, by name.
func Plans() map[string]string {
	plans := map[string]string{
		"claim": selectJob + " INDEXED BY jobs_claim WHERE status = 'pending' AND parked_on IS NULL AND project IN ('a') ORDER BY order_key, id LIMIT 4",
		"held":  selectJob + " INDEXED BY jobs_held WHERE status = 'running' AND worker = 'w'",
	}
	for name, f := range map[string]store.Filter{
		"list":          {},
		"list status":   {Statuses: []job.Status{job.Failed}},
		"list pipeline": {Pipelines: []string{"p"}},
	} {
		where, _ := conditions(f)
		q := selectBrief
		if len(where) > 0 {
			q += " WHERE " + strings.ReplaceAll(where[0], "?", "'x'")
		}
		plans[name] = q + " ORDER BY created_at DESC, id DESC LIMIT 50"
	}
	return plans
}

// Write runs statements as one part of a gathered transaction.
func (s *Store) Write(ctx context.Context, fn func(exec func(q string) error) error) error {
	return s.write.do(ctx, normal, func(ctx context.Context, t *tx) error {
		return fn(func(q string) error { return t.exec(ctx, q) })
	})
}
