package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

// Transactions take their events' numbers before they commit, so an event may become
// visible after one with a larger number. Who follows all jobs resumes by number, and
// must be given none beyond one that may still come: the horizon.
//
// A transaction that writes events holds the table's lock of writers (ROW EXCLUSIVE) from
// before it takes its first number until its changes are visible. So: read the last
// number given out, then who holds that lock; once all of those are gone, everything up
// to that number is visible that ever will be. Writers pay nothing for it, and foreign
// transactions, however long, don't matter.
//
// Events of one job need none of this: whoever writes them holds the job's row.
type horizon struct {
	one  chan struct{} // holds a token: one look at a time, since looks must not overtake each other
	safe int64         // all events up to it are visible
	mark int64         // the next one to be safe, once writers are gone; 0: none
	of   map[string]bool
}

func newHorizon() horizon {
	h := horizon{one: make(chan struct{}, 1)}
	h.one <- struct{}{}
	return h
}

const (
	lastNumber = `SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM events_seq_seq`
	writersNow = `SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND relation = 'events'::regclass
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND mode = 'RowExclusiveLock' AND granted`
)

// look moves the horizon as far as it goes now. It gives it with the last number that
// was given out.
func (s *Store) look(ctx context.Context) (safe, last int64, err error) {
	h := &s.horizon
	select {
	case <-h.one:
	case <-ctx.Done():
		return 0, 0, ctx.Err()
	}
	defer func() { h.one <- struct{}{} }()
	if last, _, err = one(ctx, s, "events", lastNumber, nil, scanInt); err != nil {
		return 0, 0, err
	}
	writers, err := collect(ctx, s, "events", writersNow, nil, scanText)
	if err != nil {
		return 0, 0, err
	}
	h.see(last, writers)
	return h.safe, last, nil
}

// see takes in a look: a number, and who wrote after it was read.
func (h *horizon) see(last int64, writers []string) {
	if len(writers) == 0 {
		h.safe, h.mark = last, 0
		return
	}
	left := false
	for _, w := range writers {
		left = left || h.of[w]
	}
	if h.mark > 0 && !left {
		h.safe, h.mark = h.mark, 0
	}
	if h.mark == 0 && last > h.safe {
		h.mark, h.of = last, map[string]bool{}
		for _, w := range writers {
			h.of[w] = true
		}
	}
}

// LastEvent gives the number of the newest event, 0 when there is none: whoever follows
// from it on is given every later one. It waits for those that are being written.
func (s *Store) LastEvent(ctx context.Context) (int64, error) {
	begun := time.Now()
	var want int64 = -1
	for {
		safe, last, err := s.look(ctx)
		if err != nil {
			return 0, err
		}
		if want < 0 {
			want = last
		}
		if safe >= want {
			return safe, nil
		}
		if time.Since(begun) > callTimeout { // the server ends a transaction that idles long before
			return 0, fault.New(fault.Unavailable, "changes of jobs have been under way for too long; see the database's log")
		}
		if err := pause(ctx, 2*time.Millisecond); err != nil {
			return 0, fmt.Errorf("last event: %w", err)
		}
	}
}

const (
	selectEvents = `SELECT ` + rows.Event + ` FROM events WHERE `
	eventsOfJob  = `job_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`
	eventsUpTo   = `seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3`
)

// Events gives up to limit events after seq, in order: of one job, or of all when
// jobID is "".
func (s *Store) Events(ctx context.Context, jobID string, after int64, limit int) ([]job.Event, error) {
	if jobID != "" {
		return collect(ctx, s, "events", selectEvents+eventsOfJob, []any{jobID, after, limit}, rows.ScanEvent)
	}
	safe, last, err := s.look(ctx)
	if err != nil {
		return nil, err
	}
	if safe < last { // what is held back now is to be read soon
		s.soon(store.TopicEvents)
	}
	return collect(ctx, s, "events", selectEvents+eventsUpTo, []any{after, safe, limit}, rows.ScanEvent)
}
