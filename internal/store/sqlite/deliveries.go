package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// addDelivery records that the receiver which the job names is to be told of its end.
func (t *tx) addDelivery(ctx context.Context, j *job.Job, now time.Time) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make a delivery's id: %w", err)
	}
	const q = `INSERT INTO deliveries (id, job_id, event, url, host, state, attempts, taken, created_at, next_at) VALUES (?, ?, ?, ?, ?, 'pending', 0, 0, ?, ?)`
	at := job.FormatTime(now)
	t.publish(store.TopicDeliveries)
	return t.exec(ctx, q, id.String(), j.ID, job.EndEvent(j.Status), j.CallbackURL, store.HostOf(j.CallbackURL), at, at)
}

const deliveryColumns = `id, job_id, event, url, state, attempts, created_at, next_at, ended_at, answer, error`

func scanDelivery(row scanner) (store.Delivery, error) {
	var (
		v               store.Delivery
		created         string
		next, ended, er sql.NullString
		answer          sql.NullInt64
	)
	if err := row.Scan(&v.ID, &v.JobID, &v.Event, &v.URL, &v.State, &v.Attempts, &created, &next, &ended, &answer, &er); err != nil {
		return v, err
	}
	var d decoder
	v.CreatedAt = *d.Time("created_at", sql.NullString{String: created, Valid: true})
	v.NextAt, v.EndedAt = d.Time("next_at", next), d.Time("ended_at", ended)
	v.Answer, v.Error = int(answer.Int64), er.String
	return v, d.Err
}

// hostsDue steps from host to host along the index, however many deliveries each has.
const hostsDue = `WITH RECURSIVE hosts (host) AS (
		SELECT (SELECT min(host) FROM deliveries INDEXED BY deliveries_due WHERE state = 'pending')
		UNION ALL
		SELECT (SELECT min(host) FROM deliveries INDEXED BY deliveries_due WHERE state = 'pending' AND host > hosts.host) FROM hosts WHERE hosts.host IS NOT NULL
	)
	SELECT host, (SELECT min(next_at) FROM deliveries INDEXED BY deliveries_due WHERE state = 'pending' AND host = hosts.host) FROM hosts WHERE host IS NOT NULL`

// DeliveryHosts gives the hosts that pending deliveries go to.
func (s *Store) DeliveryHosts(ctx context.Context) ([]store.DeliveryHost, error) {
	return collect(ctx, s.read, "deliveries", hostsDue, nil, func(row scanner) (h store.DeliveryHost, err error) {
		var at sql.NullString
		if err := row.Scan(&h.Host, &at); err != nil || !at.Valid {
			return h, err
		}
		h.NextAt, err = job.ParseTime(at.String)
		return h, err
	})
}

const dueOf = `SELECT id FROM deliveries INDEXED BY deliveries_due WHERE state = 'pending' AND host = ? AND next_at <= ? ORDER BY next_at LIMIT ?`

// TakeDeliveries gives up to limit deliveries to a host that are due, each with one
// more attempt. Nobody else is given them before lease is over.
func (s *Store) TakeDeliveries(ctx context.Context, host string, lease time.Duration, limit int) ([]store.Delivery, error) {
	var taken []store.Delivery
	err := s.write.do(ctx, normal, func(ctx context.Context, t *tx) error {
		const q = `UPDATE deliveries SET attempts = attempts + 1, taken = 1, next_at = ? WHERE id IN (` + dueOf + `) RETURNING ` + deliveryColumns
		now := s.timestamp()
		rows, err := t.query(ctx, q, job.FormatTime(now.Add(lease)), host, job.FormatTime(now), limit)
		if err != nil {
			return err
		}
		taken, err = collectRows(rows, scanDelivery)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("take deliveries: %w", err)
	}
	return taken, nil
}

// SaveDelivery writes what became of an attempt. It changes nothing when the delivery
// has ended, is gone, or has had another attempt since.
func (s *Store) SaveDelivery(ctx context.Context, a store.Attempted) error {
	var ended any
	if a.State != store.DeliveryPending {
		ended = job.FormatTime(s.timestamp())
	}
	err := s.write.do(ctx, normal, func(ctx context.Context, t *tx) error {
		const q = `UPDATE deliveries SET state = ?, taken = 0, next_at = ?, ended_at = ?, answer = ?, error = ?
			WHERE id = ? AND attempts = ? AND state = 'pending'`
		return t.exec(ctx, q, string(a.State), timeOrNull(a.NextAt), ended, intOrNull(a.Answer), textOrNull(a.Error), a.ID, a.Attempt)
	})
	if err != nil {
		return fmt.Errorf("save a delivery: %w", err)
	}
	return nil
}

// ReleaseDeliveries makes due at once what processes that are gone had taken. Nobody
// may be sending.
func (s *Store) ReleaseDeliveries(ctx context.Context) error {
	err := s.write.do(ctx, normal, func(ctx context.Context, t *tx) error {
		return t.exec(ctx, `UPDATE deliveries SET taken = 0, next_at = ? WHERE state = 'pending' AND taken = 1`, job.FormatTime(s.timestamp()))
	})
	if err != nil {
		return fmt.Errorf("release deliveries: %w", err)
	}
	return nil
}

// ShiftDeliveries moves every pending delivery's times, after the clock of this store
// was stepped by so much: waits between attempts, and the day that they go on for, are
// lengths of time.
func (s *Store) ShiftDeliveries(ctx context.Context, by time.Duration) error {
	err := s.write.do(ctx, normal, func(ctx context.Context, t *tx) error {
		rows, err := t.query(ctx, `SELECT `+deliveryColumns+` FROM deliveries INDEXED BY deliveries_due WHERE state = 'pending'`)
		if err != nil {
			return err
		}
		pending, err := collectRows(rows, scanDelivery)
		if err != nil {
			return err
		}
		for _, d := range pending {
			err := t.exec(ctx, `UPDATE deliveries SET created_at = ?, next_at = ? WHERE id = ?`, job.FormatTime(d.CreatedAt.Add(by)), job.FormatTime(d.NextAt.Add(by)), d.ID)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("shift deliveries: %w", err)
	}
	return nil
}

// Deliveries gives those of a job, the first first.
func (s *Store) Deliveries(ctx context.Context, jobID string) ([]store.Delivery, error) {
	const q = `SELECT ` + deliveryColumns + ` FROM deliveries INDEXED BY deliveries_by_job WHERE job_id = ? ORDER BY id`
	return collect(ctx, s.read, "deliveries", q, []any{jobID}, scanDelivery)
}

// CountDeliveries tells how many are pending, up to CountLimit.
func (s *Store) CountDeliveries(ctx context.Context) (int, error) {
	var n int
	const q = `SELECT count(*) FROM (SELECT 1 FROM deliveries INDEXED BY deliveries_due WHERE state = 'pending' LIMIT ?)`
	if err := s.read.QueryRowContext(ctx, q, CountLimit).Scan(&n); err != nil {
		return 0, readFault("count deliveries", err)
	}
	return n, nil
}

// DeleteDeliveries deletes up to limit of those that ended before a moment, and gives
// how many went.
func (s *Store) DeleteDeliveries(ctx context.Context, endedBefore time.Time, limit int) (int, error) {
	n := 0
	err := s.write.do(ctx, normal, func(ctx context.Context, t *tx) error {
		const q = `DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries INDEXED BY deliveries_ended
			WHERE ended_at IS NOT NULL AND ended_at < ? ORDER BY ended_at LIMIT ?) RETURNING id`
		rows, err := t.query(ctx, q, job.FormatTime(endedBefore), limit)
		if err != nil {
			return err
		}
		gone, err := collectRows(rows, func(row scanner) (id string, err error) { return id, row.Scan(&id) })
		n = len(gone)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("delete deliveries: %w", err)
	}
	return n, nil
}

// Brief gives a job without its parameters and results; a NotFound fault when there is
// none.
func (s *Store) Brief(ctx context.Context, id string) (job.Job, error) {
	j, err := scanJob(s.read.QueryRowContext(ctx, selectBrief+" WHERE id = ?", id))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return j, noSuchJob(id)
	case err != nil:
		return j, readFault("get job", err)
	}
	return j, nil
}
