package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/store"
)

// gather is how many writes share a transaction at most. A lone writer loses
// nothing by it: what waits is taken, more is never waited for.
const gather = 256

type urgency int

const (
	normal urgency = iota
	urgent         // ends, claims, progress: they go ahead of submissions
)

// write is one caller's part of a transaction.
type write struct {
	ctx  context.Context // the caller's: looked at before the part begins, never inside
	fn   func(context.Context, *tx) error
	done chan error // holds one

	audit *store.Audited // nil: the call has none
}

// audited is the part with the entry of who made it, both or neither.
func (p *write) audited() func(context.Context, *tx) error {
	if p.audit == nil {
		return p.fn
	}
	return func(ctx context.Context, t *tx) error {
		if err := p.fn(ctx, t); err != nil {
			return err
		}
		return t.audited(ctx, p.audit)
	}
}

// writer owns the one writing connection. Its goroutine ends with close.
type writer struct {
	db     *sql.DB
	hub    *store.Hub
	urgent chan *write
	normal chan *write
	stop   chan struct{}
	ended  chan struct{}
	once   sync.Once
	wal    wal
	copier *checkpointer
	writes int       // since the last kick of copier
	kicked time.Time // the last kick of copier
	tx     *tx       // nil until opened, and after an error that poisons
}

var errClosed = fault.New(fault.Unavailable, "the service is stopping; try again in a moment")

func startWriter(db *sql.DB, copier *checkpointer, path string, hub *store.Hub) *writer {
	w := &writer{
		wal: wal{path: path + "-wal", limit: walLimit},
		db:  db, hub: hub, copier: copier, urgent: make(chan *write, gather), normal: make(chan *write, gather),
		stop: make(chan struct{}), ended: make(chan struct{}),
	}
	go w.loop()
	return w
}

// do runs fn inside a transaction and returns after its commit. An error of fn undoes
// fn alone. When ctx ends first the answer is ctx's error and what fn did may stand.
func (w *writer) do(ctx context.Context, u urgency, fn func(context.Context, *tx) error) error {
	p := &write{ctx: ctx, fn: fn, done: make(chan error, 1), audit: store.AuditOf(ctx)}
	ch := w.normal
	if u == urgent {
		ch = w.urgent
	}
	select {
	case ch <- p:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.ended:
		return errClosed
	}
	select {
	case err := <-p.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-w.ended: // it may have been answered just before the end
		select {
		case err := <-p.done:
			return err
		default:
			return errClosed
		}
	}
}

func (w *writer) close() error {
	w.once.Do(func() { close(w.stop) })
	<-w.ended
	err := w.copier.close()
	return errors.Join(err, w.db.Close())
}

func (w *writer) loop() {
	defer close(w.ended)
	batch := make([]*write, 0, gather)
	for {
		batch = batch[:0]
		select {
		case p := <-w.urgent:
			batch = append(batch, p)
		case p := <-w.normal:
			batch = append(batch, p)
		case <-w.stop:
			if batch = w.take(batch); len(batch) == 0 {
				w.forget()
				return
			}
		}
		runtime.Gosched() // whoever the same wake-up made ready joins this transaction
		batch = w.take(batch)
		w.commit(batch)
		w.copyLog(len(batch))
		w.boundLog()
	}
}

// take adds what waits, the urgent first.
func (w *writer) take(batch []*write) []*write {
	for len(batch) < gather {
		select {
		case p := <-w.urgent:
			batch = append(batch, p)
			continue
		default:
		}
		select {
		case p := <-w.normal:
			batch = append(batch, p)
		default:
			return batch
		}
	}
	return batch
}

// commit runs the parts in one transaction and answers each.
func (w *writer) commit(batch []*write) {
	ctx := context.Background() // a caller's end must not undo its neighbours
	errs := make([]error, len(batch))
	topics := map[string]struct{}{}
	if err := w.transaction(ctx, batch, errs, topics); err != nil {
		w.forget()
		err = storeFault(err)
		for i := range errs {
			errs[i] = err
		}
		topics = nil
	}
	if len(topics) > 0 {
		w.hub.Publish(slices.Collect(maps.Keys(topics))...)
	}
	for i, p := range batch {
		if errs[i] == nil && p.audit != nil {
			p.audit.Written()
		}
		p.done <- errs[i]
	}
}

// transaction returns an error when nothing was committed.
func (w *writer) transaction(ctx context.Context, batch []*write, errs []error, topics map[string]struct{}) error {
	if w.tx == nil {
		conn, err := w.db.Conn(ctx)
		if err != nil {
			return err
		}
		w.tx = &tx{conn: conn, stmts: map[string]*sql.Stmt{}}
	}
	t := w.tx
	if err := t.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	for i, p := range batch {
		if errs[i] = p.ctx.Err(); errs[i] != nil {
			continue
		}
		t.topics = t.topics[:0]
		if errs[i] = t.part(ctx, p.audited()); errs[i] == nil {
			for _, topic := range t.topics {
				topics[topic] = struct{}{}
			}
		} else if poisons(errs[i]) {
			return w.undo(ctx, errs[i])
		}
	}
	if err := t.exec(ctx, "COMMIT"); err != nil {
		return w.undo(ctx, err)
	}
	return nil
}

func (w *writer) undo(ctx context.Context, err error) error {
	if rerr := w.tx.exec(ctx, "ROLLBACK"); rerr != nil {
		return errors.Join(err, fmt.Errorf("roll back: %w", rerr))
	}
	return err
}

// forget drops the connection: after an I/O error the file is opened anew. The
// connection is being thrown away, so errors of closing it tell nothing.
func (w *writer) forget() {
	if w.tx == nil {
		return
	}
	for _, st := range w.tx.stmts {
		_ = st.Close()
	}
	// ErrBadConn tells database/sql not to put the connection back into its pool.
	_ = w.tx.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = w.tx.conn.Close()
	w.tx = nil
}

// tx is the open transaction as a part sees it.
type tx struct {
	conn   *sql.Conn
	stmts  map[string]*sql.Stmt // by text; there are a few dozen, all constant
	topics []string             // to publish after the commit

	unparked int // how many jobs were, ever; see unparks
}

func (t *tx) part(ctx context.Context, fn func(context.Context, *tx) error) error {
	if err := t.exec(ctx, "SAVEPOINT part"); err != nil {
		return err
	}
	if err := fn(ctx, t); err != nil {
		if poisons(err) {
			return err
		}
		if rerr := t.exec(ctx, "ROLLBACK TO part"); rerr != nil {
			return errors.Join(err, rerr)
		}
		if rerr := t.exec(ctx, "RELEASE part"); rerr != nil {
			return errors.Join(err, rerr)
		}
		return err
	}
	return t.exec(ctx, "RELEASE part")
}

func (t *tx) publish(topics ...string) { t.topics = append(t.topics, topics...) }

func (t *tx) stmt(ctx context.Context, q string) (*sql.Stmt, error) {
	if st := t.stmts[q]; st != nil {
		return st, nil
	}
	st, err := t.conn.PrepareContext(ctx, q)
	if err != nil {
		return nil, err
	}
	t.stmts[q] = st
	return st, nil
}

func (t *tx) exec(ctx context.Context, q string, args ...any) error {
	st, err := t.stmt(ctx, q)
	if err != nil {
		return err
	}
	_, err = st.ExecContext(ctx, args...)
	return err
}

// affected is exec that tells how many rows it changed.
func (t *tx) affected(ctx context.Context, q string, args ...any) (int, error) {
	st, err := t.stmt(ctx, q)
	if err != nil {
		return 0, err
	}
	res, err := st.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// row scans the one row of a query.
func (t *tx) row(ctx context.Context, q string, args []any, into ...any) error {
	st, err := t.stmt(ctx, q)
	if err != nil {
		return err
	}
	return st.QueryRowContext(ctx, args...).Scan(into...)
}

func (t *tx) query(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	st, err := t.stmt(ctx, q)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(ctx, args...)
}
