package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/kedrod/kedrod/internal/job"
)

// ShiftTries moves the next try of every job that waits for one, after the clock of this
// store was stepped by so much: a back-off is a length of time, which goes on. A run_at
// is a moment that somebody chose, and stays.
func (s *Store) ShiftTries(ctx context.Context, by time.Duration) error {
	type wait struct {
		id       string
		run, try *time.Time
	}
	err := s.write.do(ctx, urgent, func(ctx context.Context, t *tx) error {
		rows, err := t.query(ctx, `SELECT id, run_at, next_try_at FROM jobs INDEXED BY jobs_timed
			WHERE status = 'pending' AND parked_on = 'time' AND next_try_at IS NOT NULL`)
		if err != nil {
			return err
		}
		waits, err := collectRows(rows, func(sc scanner) (w wait, err error) {
			var run, try sql.NullString
			if err := sc.Scan(&w.id, &run, &try); err != nil {
				return w, err
			}
			var d decoder
			w.run, w.try = d.Time("run_at", run), d.Time("next_try_at", try)
			return w, d.Err
		})
		if err != nil {
			return err
		}
		for _, w := range waits {
			try := job.Truncate(w.try.Add(by))
			j := job.Job{NextTryAt: &try, Queue: job.Queue{RunAt: w.run}}
			if err := t.exec(ctx, `UPDATE jobs SET next_try_at = ?, ready_at = ? WHERE id = ?`, job.FormatTime(try), j.ReadyAt().UnixMicro(), w.id); err != nil {
				return err
			}
		}
		t.publish(queueTopic)
		return nil
	})
	if err != nil {
		return fmt.Errorf("shift the next tries: %w", err)
	}
	return nil
}
