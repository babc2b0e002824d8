package postgres

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

// tries is how often a transaction that others were in the way of is run.
const tries = 6

// write runs fn in a transaction, with the audit's entry that ctx carries, and wakes who
// waits for the topics that fn publishes after the commit. An error of fn undoes
// everything. fn may be run more than once: what it writes down outside of t it must
// write anew each time.
//
// Until it has a connection it ends with ctx; from then on it goes on to its own end, so
// that a client that goes away costs no connection.
func (s *Store) write(ctx context.Context, fn func(context.Context, *tx) error) error {
	audit := store.AuditOf(ctx)
	for n := 1; ; n++ {
		topics, err := s.once(ctx, audit, fn)
		if err == nil {
			if audit != nil {
				audit.Written()
			}
			s.publish(topics...)
			return nil
		}
		if !again(err) && !sameKey(err) || n == tries {
			return callFault(ctx, err)
		}
		if err := pause(ctx, time.Duration(n)*time.Millisecond); err != nil {
			return err
		}
	}
}

// pause waits up to twice d, by chance.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(time.Duration(2 * rand.Float64() * float64(d))) //nolint:gosec // chance spreads who meet, and guards nothing
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) once(ctx context.Context, audit *store.Audited, fn func(context.Context, *tx) error) (topics []string, err error) {
	ctx, conn, done, err := s.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	t := &tx{conn: conn.Conn()}
	if err := fn(ctx, t); err != nil {
		t.rollback(ctx)
		return nil, err
	}
	if audit != nil {
		t.audited(audit)
	}
	if err := t.commit(ctx); err != nil {
		t.rollback(ctx)
		return nil, err
	}
	return t.topics, nil
}

// acquire gives a connection and the context to use it with, see write. done gives both
// back.
func (s *Store) acquire(ctx context.Context) (context.Context, *pgxpool.Conn, func(), error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, nil, err
	}
	waiting, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	conn, err := s.pool.Acquire(waiting)
	if err != nil {
		return nil, nil, nil, err
	}
	until := time.Now().Add(callTimeout)
	if d, ok := ctx.Deadline(); ok && d.Before(until) {
		until = d
	}
	running, end := context.WithDeadline(context.WithoutCancel(ctx), until)
	return running, conn, func() {
		end()
		conn.Release() // the pool throws a broken one away
	}, nil
}

// tx is an open transaction. What is queued is sent with the next query, or with the
// commit: a change that reads nothing is a single flight.
type tx struct {
	conn   *pgx.Conn
	begun  bool
	queued []statement
	bulk   bulk
	topics []string // to publish after the commit
}

func (t *tx) publish(topics ...string) { t.topics = append(t.topics, topics...) }

// statement waits to be sent.
type statement struct {
	q    string
	args []any
	then func(changed int) // nil: nobody asks
}

// queue adds a statement whose result nobody reads; its error comes with the next query
// or the commit.
func (t *tx) queue(q string, args ...any) { t.queueThen(nil, q, args...) }

// queueThen is queue, and then is told how many rows the statement changed.
func (t *tx) queueThen(then func(changed int), q string, args ...any) {
	if !t.begun {
		t.begun = true
		t.queued = append(t.queued, statement{q: "begin"})
	}
	t.queued = append(t.queued, statement{q, sane(args), then})
}

// flight sends what is queued and q, and gives the results, those before q's read.
func (t *tx) flight(ctx context.Context, q string, args []any) (pgx.BatchResults, error) {
	t.pour()
	t.queue(q, args...)
	sent := t.queued
	t.queued = nil
	var batch pgx.Batch
	for _, s := range sent {
		batch.Queue(s.q, s.args...)
	}
	results := t.conn.SendBatch(ctx, &batch)
	for _, s := range sent[:len(sent)-1] {
		tag, err := results.Exec()
		if err != nil {
			_ = results.Close() // it says the same
			return nil, err
		}
		if s.then != nil {
			s.then(int(tag.RowsAffected()))
		}
	}
	return results, nil
}

// exec runs a statement now.
func (t *tx) exec(ctx context.Context, q string, args ...any) error {
	_, err := t.affect(ctx, q, args...)
	return err
}

// affect runs a statement now and gives how many rows it changed.
func (t *tx) affect(ctx context.Context, q string, args ...any) (int, error) {
	results, err := t.flight(ctx, q, args)
	if err != nil {
		return 0, err
	}
	tag, err := results.Exec()
	return int(tag.RowsAffected()), closed(results, err)
}

// row scans the one row of a query; pgx.ErrNoRows when there is none.
func (t *tx) row(ctx context.Context, q string, args []any, into ...any) error {
	results, err := t.flight(ctx, q, args)
	if err != nil {
		return err
	}
	return closed(results, results.QueryRow().Scan(into...))
}

// closed closes results and gives the error so far, or else that of closing.
func closed(results pgx.BatchResults, err error) error {
	cerr := results.Close()
	if err == nil {
		err = cerr
	}
	return err
}

// commit sends what is queued with the commit. Nothing is sent when nothing was done.
func (t *tx) commit(ctx context.Context) error {
	if t.pour(); !t.begun {
		return nil
	}
	return t.exec(ctx, "commit")
}

// rollback gives up; a connection for which that fails is closed, which does it as well.
func (t *tx) rollback(ctx context.Context) {
	if t.conn.IsClosed() || t.conn.PgConn().TxStatus() == 'I' {
		return
	}
	if _, err := t.conn.Exec(ctx, "rollback"); err != nil {
		_ = t.conn.Close(ctx)
	}
}

// rowsOf reads every row of a query in the transaction.
func rowsOf[T any](ctx context.Context, t *tx, q string, args []any, scan func(rows.Scanner) (T, error)) ([]T, error) {
	results, err := t.flight(ctx, q, args)
	if err != nil {
		return nil, err
	}
	found, err := results.Query()
	if err != nil {
		return nil, closed(results, err)
	}
	items, err := scanAll(found, scan)
	return items, closed(results, err)
}

func scanAll[T any](found pgx.Rows, scan func(rows.Scanner) (T, error)) ([]T, error) {
	defer found.Close()
	items := []T{}
	for found.Next() {
		item, err := scan(found)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, found.Err()
}

// collect reads every row of a query outside of transactions.
func collect[T any](ctx context.Context, s *Store, what, q string, args []any, scan func(rows.Scanner) (T, error)) ([]T, error) {
	caller := ctx
	ctx, conn, done, err := s.acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, callFault(caller, err))
	}
	defer done()
	found, err := conn.Query(ctx, q, sane(args)...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, callFault(caller, err))
	}
	items, err := scanAll(found, scan)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, callFault(caller, err))
	}
	return items, nil
}

// one reads the first row of a query outside of transactions; ok is false when there is
// none.
func one[T any](ctx context.Context, s *Store, what, q string, args []any, scan func(rows.Scanner) (T, error)) (item T, ok bool, err error) {
	items, err := collect(ctx, s, what, q, args, scan)
	if err != nil || len(items) == 0 {
		return item, false, err
	}
	return items[0], true, nil
}

// load reads a job and holds it until the transaction's end.
func (t *tx) load(ctx context.Context, id string) (job.Job, error) {
	jobs, err := rowsOf(ctx, t, selectJob+" WHERE id = $1 FOR UPDATE", []any{id}, rows.ScanJob)
	if err != nil {
		return job.Job{}, err
	}
	if len(jobs) == 0 {
		return job.Job{}, noSuchJob(id)
	}
	return jobs[0], nil
}

// sane makes texts that PostgreSQL takes: it knows no NUL and nothing but UTF-8.
func sane(args []any) []any {
	for i, a := range args {
		switch v := a.(type) {
		case string:
			args[i] = saneText(v)
		case *string:
			if v != nil && saneText(*v) != *v {
				text := saneText(*v)
				args[i] = &text
			}
		case []string:
			args[i] = saneTexts(v)
		case []*string:
			for k, p := range v {
				if p != nil && saneText(*p) != *p {
					text := saneText(*p)
					v[k] = &text
				}
			}
		}
	}
	return args
}

func saneText(s string) string {
	if strings.IndexByte(s, 0) < 0 && utf8.ValidString(s) {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

func saneTexts(texts []string) []string {
	for i, s := range texts {
		if t := saneText(s); t != s {
			texts = append([]string(nil), texts...)
			texts[i] = t
		}
	}
	return texts
}
