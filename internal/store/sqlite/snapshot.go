package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/kedrod/kedrod/internal/fault"
)

// Snapshot is what a jobs.db holds at one moment, table by table, for whoever moves it
// elsewhere. Close it; meanwhile the file only grows.
type Snapshot struct{ conn *sql.Conn }

// Snapshot begins one.
func (s *Store) Snapshot(ctx context.Context) (*Snapshot, error) {
	conn, err := s.read.Conn(ctx)
	if err != nil {
		return nil, readFault("read jobs.db", err)
	}
	sn := &Snapshot{conn: conn}
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return nil, errors.Join(readFault("read jobs.db", err), conn.Close())
	}
	if _, err := sn.Count(ctx, "jobs"); err != nil { // the moment is that of the first read
		return nil, errors.Join(err, sn.Close())
	}
	return sn, nil
}

// Close ends it.
func (sn *Snapshot) Close() error {
	_, err := sn.conn.ExecContext(context.Background(), "ROLLBACK")
	return errors.Join(err, sn.conn.Close())
}

// CheckKnown refuses a file that is no jobs.db of kedrod, or of a major version that this
// one can't read. It changes nothing, which Open would.
func CheckKnown(ctx context.Context, path string) (err error) {
	if err := isFile(path); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", plainDSN(path))
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	ours, err := knows(ctx, db)
	if err != nil {
		return openFault(path, err)
	}
	if !ours {
		return fault.Newf(fault.Invalid, "%s is no jobs.db of a kedrod that this version knows (that of a FastAPI and Celery stack is taken over by kedrod import)", path)
	}
	return nil
}

// Tables gives the names of all tables that are kedrod's own.
func (sn *Snapshot) Tables(ctx context.Context) ([]string, error) {
	return sn.texts(ctx, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT LIKE 'goose\_%' ESCAPE '\' ORDER BY name`)
}

// Columns gives the names of a table's columns, in their order.
func (sn *Snapshot) Columns(ctx context.Context, table string) ([]string, error) {
	return sn.texts(ctx, `SELECT name FROM pragma_table_info(?) ORDER BY cid`, table)
}

// Count counts a table's rows.
func (sn *Snapshot) Count(ctx context.Context, table string) (n int64, err error) {
	if err := sn.conn.QueryRowContext(ctx, "SELECT count(*) FROM "+quoted(table)).Scan(&n); err != nil {
		return 0, readFault("count "+table, err)
	}
	return n, nil
}

// LastSeq gives the highest number that a table's column seq ever had; 0 for none.
func (sn *Snapshot) LastSeq(ctx context.Context, table string) (seq int64, err error) {
	err = sn.conn.QueryRowContext(ctx, "SELECT seq FROM sqlite_sequence WHERE name = ?", table).Scan(&seq)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, readFault("last number of "+table, err)
	}
	return seq, nil
}

// Rows gives a table's rows. A value is nil, an int64, a float64, a string or a []byte;
// the slice is the next row's, too.
func (sn *Snapshot) Rows(ctx context.Context, table string, columns []string) iter.Seq2[[]any, error] {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = quoted(c)
	}
	return func(yield func([]any, error) bool) {
		rows, err := sn.conn.QueryContext(ctx, "SELECT "+strings.Join(names, ", ")+" FROM "+quoted(table)) //nolint:gosec // names that the schema gave, quoted
		if err != nil {
			yield(nil, readFault("read "+table, err))
			return
		}
		defer rows.Close()
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		for rows.Next() {
			if err := rows.Scan(into...); err != nil {
				yield(nil, readFault("read "+table, err))
				return
			}
			if !yield(values, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, readFault("read "+table, err))
		}
	}
}

func (sn *Snapshot) texts(ctx context.Context, q string, args ...any) ([]string, error) {
	rows, err := sn.conn.QueryContext(ctx, q, args...)
	if err != nil {
		return nil, readFault("read the schema", err)
	}
	found, err := collectRows(rows, func(row scanner) (text string, err error) { return text, row.Scan(&text) })
	if err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	return found, nil
}

// quoted is a name as SQL writes it.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
