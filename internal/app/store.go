package app

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/notify"
	"github.com/kedrod/kedrod/internal/reaper"
	"github.com/kedrod/kedrod/internal/registries"
	"github.com/kedrod/kedrod/internal/retention"
	"github.com/kedrod/kedrod/internal/service"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/postgres"
	"github.com/kedrod/kedrod/internal/store/sqlite"
	"github.com/kedrod/kedrod/internal/worker"
)

// jobStore is all that a process needs of its store, whichever that is.
type jobStore interface {
	worker.Store
	service.Store
	notify.Store
	retention.Store
	reaper.Store
	registries.PublishStore
	Reconsider(ctx context.Context, limits store.Limits) error
	OldestEligible(ctx context.Context) (*time.Time, error)
	CountDeliveries(ctx context.Context) (int, error)
	// Now is the time by which what is stored goes.
	Now() time.Time
	Close() error
}

// openStore opens the store that the settings name: the one place that chooses.
func openStore(ctx context.Context, at config.StoreAt, log *slog.Logger) (jobStore, error) {
	if at.DatabaseURL != "" {
		db, err := postgres.Open(ctx, at.DatabaseURL, postgres.Options{Log: log})
		return byDatabase{db}, err
	}
	return sqlite.Open(ctx, jobsFile(at.DataDir), sqlite.Options{})
}

// byDatabase is a store whose moments are the database's: a step of this machine's clock
// moves none of them.
type byDatabase struct{ *postgres.Store }

// ShiftTries leaves back-offs alone.
func (byDatabase) ShiftTries(context.Context, time.Duration) error { return nil }

// ShiftDeliveries leaves the waits of callbacks alone.
func (byDatabase) ShiftDeliveries(context.Context, time.Duration) error { return nil }

// storeAt is where the settings keep jobs.
func storeAt(cfg config.Config) config.StoreAt {
	return config.StoreAt{DataDir: cfg.DataDir, DatabaseURL: cfg.DatabaseURL}
}

// shared reports whether other processes claim jobs of the store too.
func shared(cfg config.Config) bool { return cfg.DatabaseURL != "" }

// jobsFile is where SQLite keeps jobs in a data folder.
func jobsFile(dataDir string) string { return filepath.Join(dataDir, "jobs.db") }

// hasJobsFile reports whether a folder holds SQLite's jobs, to which its run folders may
// belong.
func hasJobsFile(cfg config.Config) bool {
	_, err := os.Stat(jobsFile(cfg.DataDir))
	return !errors.Is(err, fs.ErrNotExist)
}

// noJobsFile tells of jobs that are in the data folder while the settings name a
// database: nobody would see them.
func noJobsFile(cfg config.Config, log *slog.Logger) {
	if shared(cfg) && hasJobsFile(cfg) {
		log.Warn("the data folder has a jobs.db, which is not used: jobs are in the database that database_url names (kedrod migrate moves them there)", "file", jobsFile(cfg.DataDir))
	}
}

// needDatabase refuses a worker alone on a store that one process owns.
func needDatabase(cfg config.Config) error {
	if shared(cfg) {
		return nil
	}
	return fault.InvalidField("database_url", "kedrod worker runs jobs that stand in a PostgreSQL database: name that by --database-url, --database-url-file or "+
		"KEDROD_DATABASE_URL. Without one, jobs are in the SQLite file of one kedrod serve, which runs them itself: for more at once give that a larger --concurrency")
}
