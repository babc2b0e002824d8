// Package sqlite keeps jobs in one SQLite file: the store of a single machine.
//
// One connection writes, in transactions that gather what waits (writer.go); a pool
// of others reads. WAL with synchronous=FULL: what was answered survives a power cut.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver, pure Go: one static binary

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is one open jobs.db. Its methods may be called from many goroutines.
type Store struct {
	path  string
	now   func() time.Time
	rand  func() float64
	read  *sql.DB
	get   *sql.Stmt // the hottest of all reads
	write *writer
	hub   *store.Hub

	window   int          // defaultWindow
	refusals atomic.Int64 // audited by this process
}

// Options of Open. Now and Rand default to the real clock and to rand.Float64.
type Options struct {
	Now  func() time.Time
	Rand func() float64 // in [0, 1): the jitter of tries
}

// Open opens the file, making it and bringing its tables up to date as needed. The
// folder must exist. Close it.
func Open(ctx context.Context, path string, o Options) (*Store, error) {
	s := &Store{path: path, now: o.Now, rand: o.Rand, hub: store.NewHub(), window: defaultWindow}
	s.fillDefaults()
	if err := makePrivate(path); err != nil {
		return nil, cantOpen(path, err)
	}
	wdb, err := sql.Open("sqlite", dsn(path, "journal_mode(WAL)", "synchronous(FULL)", "wal_autocheckpoint(0)"))
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	wdb.SetMaxOpenConns(1)
	if err := migrate(ctx, wdb); err != nil {
		return nil, openFault(path, closing(wdb, err))
	}
	if s.read, err = sql.Open("sqlite", dsn(path, "query_only(1)")); err != nil {
		return nil, closing(wdb, fmt.Errorf("open %s: %w", path, err))
	}
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	if s.get, err = s.read.PrepareContext(ctx, selectJob+" WHERE id = ?"); err != nil {
		return nil, closing(s.read, openFault(path, closing(wdb, err)))
	}
	copier, err := startCheckpointer(path)
	if err != nil {
		return nil, closing(s.read, openFault(path, closing(wdb, err)))
	}
	s.write = startWriter(wdb, copier, path, s.hub)
	return s, nil
}

const readers = 4 // a reader holds a page cache of up to 2 MB

// dsn names the file as a URI, so that any character may stand in its path.
func dsn(path string, pragmas ...string) string {
	q := url.Values{"_txlock": {"immediate"}, "_pragma": append([]string{"busy_timeout(5000)"}, pragmas...)}
	u := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}
	return u.String()
}

func migrate(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	if err := checkMajor(ctx, db); err != nil {
		return err
	}
	// Out of order: migrations only add, so one that an older line brings later stands
	// on its own.
	p, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithAllowOutofOrder(true))
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

func closing(db *sql.DB, err error) error {
	if cerr := db.Close(); cerr != nil {
		return fmt.Errorf("%w (and closing: %w)", err, cerr)
	}
	return err
}

// Close ends the writer after what it was given, then the readers.
func (s *Store) Close() error {
	err := errors.Join(s.write.close(), s.get.Close())
	if rerr := s.read.Close(); err == nil {
		err = rerr
	}
	if err != nil {
		return fmt.Errorf("close %s: %w", s.path, err)
	}
	return nil
}

// Subscribe waits for changes of a topic, see store.Hub.
func (s *Store) Subscribe(topic string) (<-chan struct{}, func()) { return s.hub.Subscribe(topic) }

// Check writes and reads: an error means that the store can't take jobs now.
func (s *Store) Check(ctx context.Context) error {
	err := s.write.do(ctx, urgent, func(ctx context.Context, t *tx) error {
		return t.exec(ctx, `PRAGMA user_version = 1`) // a page is written, whatever stood there
	})
	if err != nil {
		return fmt.Errorf("check of the store: %w", err)
	}
	return nil
}

// CountLimit is where Count stops counting.
const CountLimit = 10_000

// Count tells how many jobs are in a state that has not ended, pending and running,
// each up to CountLimit.
func (s *Store) Count(ctx context.Context) (pending, running int, err error) {
	const q = `SELECT (SELECT count(*) FROM (SELECT 1 FROM jobs WHERE status = 'pending' LIMIT ?1)),
		(SELECT count(*) FROM (SELECT 1 FROM jobs WHERE status = 'running' LIMIT ?1))`
	if err := s.read.QueryRowContext(ctx, q, CountLimit).Scan(&pending, &running); err != nil {
		return 0, 0, readFault("count jobs", err)
	}
	return pending, running, nil
}

func noSuchJob(id string) error { return store.NoSuchJob(id) }

func (s *Store) timestamp() time.Time { return job.Truncate(s.now()) }

// Now is the time by which the store goes.
func (s *Store) Now() time.Time { return s.now() }
