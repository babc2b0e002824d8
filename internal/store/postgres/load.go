package postgres

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/store"
)

// History is what another store holds at one moment, see sqlite.Snapshot.
type History interface {
	Tables(ctx context.Context) ([]string, error)
	Columns(ctx context.Context, table string) ([]string, error)
	Count(ctx context.Context, table string) (int64, error)
	LastSeq(ctx context.Context, table string) (int64, error)
	Rows(ctx context.Context, table string, columns []string) iter.Seq2[[]any, error]
}

// Loaded says what was moved.
type Loaded struct {
	Rows    map[string]int64 // by table
	Altered int64            // texts with a NUL or what is no UTF-8, which PostgreSQL does not take: U+FFFD stands there
}

// moved are the tables of a history, the large ones last. Of authentication there is one
// row on both sides.
func moved() []string {
	return []string{"keys", "authentication", "audit", "workers", "deliveries", "job_labels", "attempts", "jobs", "nodes", "events"}
}

// remade are tables that those who run fill anew.
func remade() []string { return []string{"registries", "refreshes", "writes"} }

// Load moves a history into this store, which must hold none and which nobody may use. It
// is one transaction: all of it is there afterwards, counted, or nothing. Workers count
// as ended. The audit's entry that ctx carries is one more row of it. tell is called now and then with how many rows of a table are done.
func (s *Store) Load(ctx context.Context, from History, tell func(table string, done, of int64)) (Loaded, error) {
	cfg := unhurried(s.pool.Config().ConnConfig)
	c, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return Loaded{}, fmt.Errorf("move a history: %w", callFault(ctx, err))
	}
	l := &loading{c: c, from: from, tell: tell, done: Loaded{Rows: map[string]int64{}}}
	if err = durable(ctx, c); err == nil {
		err = pgx.BeginFunc(ctx, c, func(t pgx.Tx) error { l.tx = t; return l.run(ctx) })
	}
	if err == nil {
		// For plans and index-only reads from the first moment on. Without it the server does
		// so by itself some minutes later.
		_, err = c.Exec(ctx, "VACUUM (ANALYZE) "+strings.Join(moved(), ", "))
	}
	if cerr := c.Close(context.WithoutCancel(ctx)); err == nil {
		err = cerr
	}
	if err != nil {
		return Loaded{}, fmt.Errorf("move a history: %w", callFault(ctx, err))
	}
	return l.done, nil
}

// loading is one Load.
type loading struct {
	c    *pgx.Conn
	tx   pgx.Tx
	from History
	tell func(table string, done, of int64)
	done Loaded
}

func (l *loading) run(ctx context.Context) error {
	if err := l.empty(ctx); err != nil {
		return err
	}
	there, err := l.from.Tables(ctx)
	if err != nil {
		return err
	}
	for _, table := range there {
		if !slices.Contains(moved(), table) && !slices.Contains(remade(), table) {
			return fault.Newf(fault.Invalid, "the jobs to move were written by a newer kedrod (its table %s is not known here): move them with that version", table)
		}
	}
	for _, table := range moved() {
		if err := l.table(ctx, table); err != nil {
			return fmt.Errorf("table %s: %w", table, err)
		}
	}
	if _, err := l.tx.Exec(ctx, `UPDATE workers SET state = 'lost' WHERE state IN ('ready', 'draining')`); err != nil {
		return err
	}
	if e, pending := store.AuditOf(ctx).Pending(); pending {
		_, err = l.tx.Exec(ctx, insertAudit, sane(auditArgs(e))...)
	}
	return err
}

// empty locks the tables against writes and refuses those that hold anything.
func (l *loading) empty(ctx context.Context) error {
	if _, err := l.tx.Exec(ctx, "SET LOCAL lock_timeout = '5s'; LOCK TABLE "+strings.Join(moved(), ", ")+" IN EXCLUSIVE MODE; SET LOCAL lock_timeout = 0"); err != nil {
		return err
	}
	name := l.c.Config().Database
	for _, table := range []string{"jobs", "keys", "audit", "deliveries"} {
		var some bool
		if err := l.tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM "+table+")").Scan(&some); err != nil {
			return err
		}
		if some {
			return fault.Newf(fault.Conflict, "the database %s holds %s already, and histories are not merged: create another database, or empty this one", name, table)
		}
	}
	var alive bool
	if err := l.tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM workers WHERE state IN ('ready', 'draining'))").Scan(&alive); err != nil {
		return err
	}
	if alive {
		return fault.Newf(fault.Conflict, "a kedrod works on the database %s: stop it first", name)
	}
	_, err := l.tx.Exec(ctx, "DELETE FROM authentication; DELETE FROM workers; DELETE FROM attempts; DELETE FROM nodes; DELETE FROM events; DELETE FROM job_labels")
	return err
}

// table copies one table, and counts it on both sides.
func (l *loading) table(ctx context.Context, table string) error {
	columns, err := l.from.Columns(ctx, table)
	if err != nil {
		return err
	}
	kinds, err := l.kinds(ctx, table, columns)
	if err != nil {
		return err
	}
	of, err := l.from.Count(ctx, table)
	if err != nil {
		return err
	}
	next, stop := iter.Pull2(l.from.Rows(ctx, table, columns))
	defer stop()
	source := &copying{next: next, columns: columns, kinds: kinds, report: func(done int64) { l.tell(table, done, of) }}
	if _, err := l.tx.CopyFrom(ctx, pgx.Identifier{table}, columns, source); err != nil {
		return err
	}
	l.done.Altered += source.altered
	var here int64
	if err := l.tx.QueryRow(ctx, "SELECT count(*) FROM "+table).Scan(&here); err != nil {
		return err
	}
	if here != of {
		return fmt.Errorf("%d rows were to be moved, and %d are here: nothing was moved", of, here)
	}
	l.done.Rows[table] = here
	l.tell(table, of, of)
	if !slices.Contains(columns, "seq") {
		return nil
	}
	last, err := l.from.LastSeq(ctx, table)
	if err != nil || last == 0 {
		return err
	}
	_, err = l.tx.Exec(ctx, "SELECT setval(pg_get_serial_sequence($1, 'seq'), $2)", table, last)
	return err
}

// kinds gives the type of each column here.
func (l *loading) kinds(ctx context.Context, table string, columns []string) ([]string, error) {
	found, err := l.tx.Query(ctx, "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = current_schema AND table_name = $1", table)
	if err != nil {
		return nil, err
	}
	types := map[string]string{}
	var name, kind string
	if _, err := pgx.ForEachRow(found, []any{&name, &kind}, func() error { types[name] = kind; return nil }); err != nil {
		return nil, err
	}
	kinds := make([]string, len(columns))
	for i, c := range columns {
		if kinds[i] = types[c]; kinds[i] == "" {
			return nil, fault.Newf(fault.Invalid, "the jobs to move were written by a newer kedrod (their column %s is not known here): move them with that version", c)
		}
	}
	return kinds, nil
}
