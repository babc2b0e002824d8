package postgres

import (
	"context"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

// AddLog takes pieces of one stream of an attempt, with how far it has come, also after
// the attempt's end. A piece takes the place of a shorter one at its offset; what lies in
// the stretch left out goes. job.ErrFenced for an attempt that is not, or not this
// worker's: its job may have been deleted.
func (s *Store) AddLog(ctx context.Context, ref job.Ref, stream store.LogStream, head store.LogHead, pieces []store.LogPiece) error {
	return failed("log", s.write(ctx, func(ctx context.Context, t *tx) error {
		const advance = `INSERT INTO logs AS was (job_id, attempt, stream, size, left_from, left_to, left_limit, whole)
			SELECT job_id, number, $4, $5, $6, $7, $8, $9 FROM attempts WHERE job_id = $1 AND number = $2 AND worker = $3
			ON CONFLICT (job_id, attempt, stream) DO UPDATE SET size = greatest(was.size, excluded.size), whole = was.whole OR excluded.whole,
			left_from = CASE WHEN excluded.left_to > was.left_to THEN excluded.left_from ELSE was.left_from END,
			left_limit = CASE WHEN excluded.left_to > was.left_to THEN excluded.left_limit ELSE was.left_limit END,
			left_to = greatest(was.left_to, excluded.left_to) RETURNING job_id`
		taken, err := rowsOf(ctx, t, advance, []any{ref.JobID, ref.Attempt, ref.Worker, string(stream), head.Size, head.From, head.To, head.Limit, head.Whole}, scanText)
		if err != nil {
			return err
		}
		if len(taken) == 0 {
			return job.ErrFenced
		}
		for _, p := range pieces {
			t.queue(`INSERT INTO log_pieces AS was (job_id, attempt, stream, at, length, packed) VALUES ($1, $2, $3, $4, $5, $6)
				ON CONFLICT (job_id, attempt, stream, at) DO UPDATE SET length = excluded.length, packed = excluded.packed WHERE excluded.length > was.length`,
				ref.JobID, ref.Attempt, string(stream), p.Offset, p.Length, p.Packed)
		}
		if head.To > 0 {
			t.queue(`DELETE FROM log_pieces WHERE job_id = $1 AND attempt = $2 AND stream = $3 AND at >= $4 AND at + length <= $5`,
				ref.JobID, ref.Attempt, string(stream), head.From, head.To)
		}
		t.publish(store.TopicJob(ref.JobID))
		return nil
	}))
}

// LogHead tells how far a stream has come; ok is false where nothing of it was handed
// over.
func (s *Store) LogHead(ctx context.Context, id string, attempt int, stream store.LogStream) (head store.LogHead, ok bool, err error) {
	const q = `SELECT size, left_from, left_to, left_limit, whole FROM logs WHERE job_id = $1 AND attempt = $2 AND stream = $3`
	return one(ctx, s, "log", q, []any{id, attempt, string(stream)}, func(row rows.Scanner) (h store.LogHead, err error) {
		return h, row.Scan(&h.Size, &h.From, &h.To, &h.Limit, &h.Whole)
	})
}

// LogPieces gives some pieces of a stream in order, the first of which holds the byte at
// an offset, or is the next one after it; none where there is no such.
func (s *Store) LogPieces(ctx context.Context, id string, attempt int, stream store.LogStream, off int64) ([]store.LogPiece, error) {
	const q = `SELECT at, length, packed FROM log_pieces WHERE job_id = $1 AND attempt = $2 AND stream = $3
		AND at > $4::bigint - $5::bigint AND at + length > $4 ORDER BY at LIMIT 4`
	return collect(ctx, s, "log", q, []any{id, attempt, string(stream), off, int64(store.LogPieceMost)}, func(row rows.Scanner) (p store.LogPiece, err error) {
		return p, row.Scan(&p.Offset, &p.Length, &p.Packed)
	})
}

// DeleteLogs deletes the logs of up to limit attempts of jobs that ended before a moment;
// it gives how many there were.
func (s *Store) DeleteLogs(ctx context.Context, endedBefore time.Time, limit int) (int, error) {
	n := 0
	err := s.write(ctx, func(ctx context.Context, t *tx) error {
		const old = `WITH old AS (SELECT l.job_id, l.attempt, l.stream FROM logs l JOIN jobs ON jobs.id = l.job_id
				WHERE ` + hasEnded + ` AND jobs.completed_at < $1 ORDER BY l.job_id, l.attempt, l.stream LIMIT $2 FOR UPDATE OF l),
			gone AS (DELETE FROM log_pieces p USING old WHERE p.job_id = old.job_id AND p.attempt = old.attempt AND p.stream = old.stream)
			DELETE FROM logs l USING old WHERE l.job_id = old.job_id AND l.attempt = old.attempt AND l.stream = old.stream RETURNING l.job_id`
		gone, err := rowsOf(ctx, t, old, []any{job.FormatTime(endedBefore), limit}, scanText)
		n = len(gone)
		return err
	})
	return n, failed("delete logs", err)
}
