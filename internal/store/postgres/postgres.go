// Package postgres keeps jobs in a PostgreSQL database: the store of many machines.
//
// Each change is one transaction, most of them in one or two flights of statements
// (tx.go). Nothing waits for a scope's lock: what gives a slot up leaves a row in
// `freed`, and claims, which try for the locks, take it up (claim.go).
package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// Store is one process's access to the database. Its methods may be called from many
// goroutines.
type Store struct {
	window   int          // defaultWindow
	refusals atomic.Int64 // audited by this process

	now      func() time.Time
	stepped  bool // now is a clock of our own, which may step
	rand     func() float64
	log      *slog.Logger
	pool     *pgxpool.Pool
	renewals *pgxpool.Pool // of Renew alone
	hub      *store.Hub

	gather  gatherer
	clock   clock
	wakes   wakes
	horizon horizon

	mu      sync.Mutex
	limited map[string]bool // scopes that are known to be in the table
	swept   time.Time       // see sweep
}

// Options of Open. Now defaults to the database's clock, so that all processes on it go
// by one, and Rand to rand.Float64; Log gets what goes wrong beside the calls.
type Options struct {
	Now  func() time.Time
	Rand func() float64 // in [0, 1): the jitter of tries
	Log  *slog.Logger
}

// Open connects to the database and brings its tables up to date as needed; many
// processes may do so at once. An Unavailable fault, which never repeats the URL, says
// what is in the way. Close it.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	s := &Store{now: o.Now, stepped: o.Now != nil, rand: o.Rand, log: o.Log, hub: store.NewHub(), limited: map[string]bool{}, swept: time.Now(), horizon: newHorizon()}
	if s.rand == nil {
		s.rand = rand.Float64
	}
	s.window = defaultWindow
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	cfg, err := poolConfig(url)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, cfg.ConnConfig); err != nil {
		return nil, err
	}
	if s.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return nil, fmt.Errorf("open the database: %w", storeFault(err))
	}
	if s.renewals, err = pgxpool.NewWithConfig(ctx, forRenewals(cfg)); err != nil {
		s.pool.Close()
		return nil, fmt.Errorf("open the database: %w", storeFault(err))
	}
	if err := s.begin(ctx, cfg.ConnConfig); err != nil {
		s.renewals.Close()
		s.pool.Close()
		return nil, fmt.Errorf("open the database: %w", storeFault(err))
	}
	return s, nil
}

// begin asks for the time and starts what goes on beside the calls.
func (s *Store) begin(ctx context.Context, cfg *pgx.ConnConfig) error {
	if s.now == nil {
		s.now = s.clock.Now
	}
	err := s.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error { return s.askClock(ctx, conn.Conn()) })
	if err != nil {
		return err
	}
	self, err := uuid.NewRandom()
	if err != nil {
		return err
	}
	return s.startWakes(ctx, cfg.Copy(), self.String())
}

// Close ends the connections, after what is under way.
func (s *Store) Close() error {
	s.closeGather()
	s.stopWakes()
	s.renewals.Close()
	s.pool.Close()
	return nil
}

// Subscribe waits for changes of a topic, see store.Hub.
func (s *Store) Subscribe(topic string) (<-chan struct{}, func()) { return s.hub.Subscribe(topic) }

// Check writes and reads: an error means that the store can't take jobs now.
func (s *Store) Check(ctx context.Context) error {
	err := s.write(ctx, func(ctx context.Context, t *tx) error {
		var id string
		return t.row(ctx, `SELECT pg_current_xact_id()::text`, nil, &id) // refused where nothing can be written
	})
	if err != nil {
		return fmt.Errorf("check of the store: %w", err)
	}
	return nil
}

func noSuchJob(id string) error { return store.NoSuchJob(id) }

func (s *Store) timestamp() time.Time { return job.Truncate(s.now()) }
