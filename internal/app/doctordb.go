package app

import (
	"context"

	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/store/postgres"
)

// database looks at the database of the settings, and changes nothing in it.
func (f *findings) database(ctx context.Context, cfg config.Config) {
	if !shared(cfg) {
		return
	}
	seen, err := postgres.Inspect(ctx, cfg.DatabaseURL)
	if err != nil {
		f.fault("database", err)
		return
	}
	f.add(levelOK, "database", seen.Name+" on PostgreSQL "+seen.Version, "")
	if !seen.MayCreate {
		f.add(levelError, "database", "the user may not create tables there", "make it the owner of the database, or GRANT CREATE ON SCHEMA public")
	}
	if seen.SynchronousCommit == "off" {
		f.add(levelWarning, "database", "synchronous_commit is off there: kedrod turns it on for its own connections, so that an accepted job is on disk", "")
	}
	if !seen.SynchronousStandby {
		f.add(levelOK, "database", "no synchronous standby: after a failover to another server an accepted job may be gone, and one that ran may run again; set synchronous_standby_names where that matters", "")
	}
}
