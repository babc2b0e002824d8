package app

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/postgres"
	"github.com/kedrod/kedrod/internal/store/sqlite"
)

// Moved says what became of a history that was moved.
type Moved struct {
	Rows    map[string]int64 // by table, counted on both sides
	Altered int64            // texts with characters that PostgreSQL can't hold, which were replaced
	Runs    string           // where run folders and logs stay
}

// Migrate moves the history of a data folder that nobody serves into an empty PostgreSQL
// database: all of it or nothing. from is a jobs.db or the folder of one; url is never
// repeated. tell hears now and then how many rows of a table are there.
func Migrate(ctx context.Context, from, url string, tell func(table string, done, of int64)) (done Moved, err error) {
	if info, err := os.Stat(from); err == nil && info.IsDir() {
		from = filepath.Join(from, "jobs.db")
	}
	if err := sqlite.CheckKnown(ctx, from); err != nil {
		return done, err
	}
	dir := filepath.Dir(from)
	if served(from) {
		f, err := openFolder(ctx, dir)
		if fault.Is(err, fault.Conflict) {
			return done, fault.Newf(fault.Conflict, "a kedrod serve uses the data folder %s: stop it, and migrate again", dir)
		}
		if err != nil {
			return done, err
		}
		defer func() { err = errors.Join(err, f.close()) }()
	}
	old, err := sqlite.Open(ctx, from, sqlite.Options{})
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, old.Close()) }()
	held, err := old.Held(ctx)
	if err != nil {
		return done, err
	}
	if len(held) > 0 {
		return done, fault.Newf(fault.Conflict, "%d jobs in %s count as running, since the service was not ended in good order: start kedrod serve on it once, "+
			"which settles them, stop it, and migrate again", len(held), from)
	}
	loaded, err := load(ctx, old, url, filepath.Base(from), tell)
	return Moved{Rows: loaded.Rows, Altered: loaded.Altered, Runs: filepath.Join(dir, "runs")}, err
}

// served reports whether a serve may use the file: it does so under one name, or has left
// its lock beside it.
func served(path string) bool {
	_, err := os.Stat(filepath.Join(filepath.Dir(path), "serve.lock"))
	return filepath.Base(path) == "jobs.db" || !errors.Is(err, fs.ErrNotExist)
}

func load(ctx context.Context, old *sqlite.Store, url, name string, tell func(table string, done, of int64)) (done postgres.Loaded, err error) {
	snapshot, err := old.Snapshot(ctx)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, snapshot.Close()) }()
	db, err := postgres.Open(ctx, url, postgres.Options{})
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	who := localName()
	ctx, _ = store.WithAudit(ctx, store.AuditEntry{
		At: job.Truncate(time.Now()), Who: &who, Call: "migrate", Target: name, Outcome: store.AuditDone, Address: "local",
	})
	return db.Load(ctx, snapshot, tell)
}
