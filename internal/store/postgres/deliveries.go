package postgres

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

const deliveryColumns = `deliveries.id, job_id, event, url, state, attempts, created_at, next_at, ended_at, answer, error`

func scanDelivery(row rows.Scanner) (store.Delivery, error) {
	var (
		v               store.Delivery
		created         string
		next, ended, er sql.NullString
		answer          sql.NullInt64
	)
	if err := row.Scan(&v.ID, &v.JobID, &v.Event, &v.URL, &v.State, &v.Attempts, &created, &next, &ended, &answer, &er); err != nil {
		return v, err
	}
	var d rows.Decoder
	v.CreatedAt = *d.Time("created_at", rows.Text(created))
	v.NextAt, v.EndedAt = d.Time("next_at", next), d.Time("ended_at", ended)
	v.Answer, v.Error = int(answer.Int64), er.String
	return v, d.Err
}

// hostsDue steps from host to host along the index, however many deliveries each has.
const hostsDue = `WITH RECURSIVE hosts (host) AS (
		(SELECT host FROM deliveries WHERE state = 'pending' ORDER BY host LIMIT 1)
		UNION ALL
		SELECT (SELECT host FROM deliveries WHERE state = 'pending' AND host > hosts.host ORDER BY host LIMIT 1) FROM hosts WHERE hosts.host IS NOT NULL
	)
	SELECT host, next_at FROM hosts CROSS JOIN LATERAL
		(SELECT next_at FROM deliveries WHERE state = 'pending' AND deliveries.host = hosts.host ORDER BY next_at LIMIT 1) AS first`

// DeliveryHosts gives the hosts that pending deliveries go to.
func (s *Store) DeliveryHosts(ctx context.Context) ([]store.DeliveryHost, error) {
	return collect(ctx, s, "deliveries", hostsDue, nil, func(row rows.Scanner) (h store.DeliveryHost, err error) {
		var at sql.NullString
		if err := row.Scan(&h.Host, &at); err != nil || !at.Valid {
			return h, err
		}
		h.NextAt, err = job.ParseTime(at.String)
		return h, err
	})
}

// takeDue takes the moment at which it is due again, the host, the moment and how many.
const takeDue = `WITH due AS MATERIALIZED (SELECT id FROM deliveries WHERE state = 'pending' AND host = $2 AND next_at <= $3
		ORDER BY next_at LIMIT $4 FOR UPDATE SKIP LOCKED)
	UPDATE deliveries SET attempts = attempts + 1, taken = TRUE, next_at = $1 FROM due WHERE deliveries.id = due.id RETURNING ` + deliveryColumns

// TakeDeliveries gives up to limit deliveries to a host that are due, each with one
// more attempt. Nobody else is given them before lease is over, on whichever machine:
// who asks at the same time is given others.
func (s *Store) TakeDeliveries(ctx context.Context, host string, lease time.Duration, limit int) (taken []store.Delivery, err error) {
	err = s.write(ctx, func(ctx context.Context, t *tx) error {
		now := s.timestamp()
		taken, err = rowsOf(ctx, t, takeDue, []any{job.FormatTime(now.Add(lease)), host, job.FormatTime(now), limit}, scanDelivery)
		return err
	})
	slices.SortFunc(taken, func(a, b store.Delivery) int { return cmp.Compare(a.ID, b.ID) })
	return taken, failed("take deliveries", err)
}

// SaveDelivery writes what became of an attempt. It changes nothing when the delivery
// has ended, is gone, or has had another attempt since.
func (s *Store) SaveDelivery(ctx context.Context, a store.Attempted) error {
	var ended any
	if a.State != store.DeliveryPending {
		ended = job.FormatTime(s.timestamp())
	}
	return failed("save a delivery", s.write(ctx, func(_ context.Context, t *tx) error {
		const q = `UPDATE deliveries SET state = $1, taken = FALSE, next_at = $2, ended_at = $3, answer = $4, error = $5
			WHERE id = $6 AND attempts = $7 AND state = 'pending'`
		t.queue(q, string(a.State), rows.TimeOrNull(a.NextAt), ended, rows.IntOrNull(a.Answer), rows.TextOrNull(a.Error), a.ID, a.Attempt)
		return nil
	}))
}

// ShiftDeliveries moves every pending delivery's times, after the clock of this store
// was stepped by so much: waits between attempts, and the day that they go on for, are
// lengths of time. By the database's own clock nothing is moved, see ShiftTries.
func (s *Store) ShiftDeliveries(ctx context.Context, by time.Duration) error {
	if !s.stepped {
		return nil
	}
	return failed("shift deliveries", s.write(ctx, func(ctx context.Context, t *tx) error {
		pending, err := rowsOf(ctx, t, `SELECT `+deliveryColumns+` FROM deliveries WHERE state = 'pending' ORDER BY id FOR UPDATE`, nil, scanDelivery)
		if err != nil {
			return err
		}
		for i := range pending {
			d := &pending[i]
			const q = `UPDATE deliveries SET created_at = $1, next_at = $2 WHERE id = $3`
			t.queue(q, job.FormatTime(d.CreatedAt.Add(by)), job.FormatTime(d.NextAt.Add(by)), d.ID)
		}
		return nil
	}))
}

// Deliveries gives those of a job, the first first.
func (s *Store) Deliveries(ctx context.Context, jobID string) ([]store.Delivery, error) {
	return collect(ctx, s, "deliveries", `SELECT `+deliveryColumns+` FROM deliveries WHERE job_id = $1 ORDER BY id`, []any{jobID}, scanDelivery)
}

// CountDeliveries tells how many are pending, up to CountLimit.
func (s *Store) CountDeliveries(ctx context.Context) (int, error) {
	const q = `SELECT count(*) FROM (SELECT 1 FROM deliveries WHERE state = 'pending' ORDER BY host, next_at LIMIT $1) AS pending`
	n, _, err := one(ctx, s, "count deliveries", q, []any{CountLimit}, scanInt)
	return int(n), err
}

// DeleteDeliveries deletes up to limit of those that ended before a moment, and gives
// how many went.
func (s *Store) DeleteDeliveries(ctx context.Context, endedBefore time.Time, limit int) (n int, err error) {
	err = s.write(ctx, func(ctx context.Context, t *tx) error {
		const q = `WITH old AS MATERIALIZED (SELECT id FROM deliveries WHERE ended_at IS NOT NULL AND ended_at < $1
				ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED)
			DELETE FROM deliveries USING old WHERE deliveries.id = old.id`
		n, err = t.affect(ctx, q, job.FormatTime(endedBefore), limit)
		return err
	})
	return n, failed("delete deliveries", err)
}

// Brief gives a job without its parameters and results; a NotFound fault when there is
// none.
func (s *Store) Brief(ctx context.Context, id string) (job.Job, error) {
	j, ok, err := one(ctx, s, "get job", selectBrief+" WHERE id = $1", []any{id}, rows.ScanJob)
	if err == nil && !ok {
		err = noSuchJob(id)
	}
	return j, err
}
