package postgres

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// clock is the database's, as far as this process knows it: what it said last, and what
// has passed here since, by a clock that does not step. So processes on machines whose
// clocks differ, or are set, agree on when a job's time has come.
type clock struct{ last atomic.Pointer[reading] }

type reading struct {
	there time.Time // the database's
	here  time.Time // has the monotonic clock
}

// maxAsk is how long an answer may take that is of use.
const maxAsk = time.Second

// Now tells the time.
func (c *clock) Now() time.Time {
	r := c.last.Load()
	if r == nil {
		return time.Now()
	}
	return r.there.Add(time.Since(r.here))
}

// took takes in what the database said between two moments here.
func (c *clock) took(micro int64, asked, answered time.Time) {
	trip := answered.Sub(asked)
	if trip > maxAsk && c.last.Load() != nil {
		return
	}
	c.last.Store(&reading{there: time.UnixMicro(micro).Add(trip / 2), here: answered})
}

// askClock asks the database for its time.
func (s *Store) askClock(ctx context.Context, conn *pgx.Conn) error {
	ctx, end := context.WithTimeout(ctx, callTimeout)
	defer end()
	var micro int64
	asked := time.Now()
	if err := conn.QueryRow(ctx, `SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint`).Scan(&micro); err != nil {
		return err
	}
	s.clock.took(micro, asked, time.Now())
	return nil
}
