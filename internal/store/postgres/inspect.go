package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// Seen is what a look at a database finds.
type Seen struct {
	Name               string // of the database
	Version            string // of the server: "15.5"
	MayCreate          bool   // the user may make the tables, or they are there
	SynchronousCommit  string // as the server has it for this user
	SynchronousStandby bool   // commits wait for another server
}

// Inspect looks at a database as Open would find it, and changes nothing. Its errors are
// those of Open.
func Inspect(ctx context.Context, url string) (Seen, error) {
	var seen Seen
	cfg, err := poolConfig(url)
	if err != nil {
		return seen, err
	}
	db := stdlib.OpenDB(*cfg.ConnConfig)
	err = checkServer(ctx, db)
	_ = db.Close()
	if err != nil {
		return seen, err
	}
	conn, err := pgx.ConnectConfig(ctx, cfg.ConnConfig)
	if err != nil {
		return seen, fmt.Errorf("open the database: %w", storeFault(err))
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	const q = `SELECT current_database(), current_setting('server_version'),
		coalesce(has_schema_privilege(current_schema(), 'CREATE'), FALSE) OR to_regclass('kedrod_schema') IS NOT NULL,
		current_setting('synchronous_commit'), current_setting('synchronous_standby_names') <> ''`
	err = conn.QueryRow(ctx, q).Scan(&seen.Name, &seen.Version, &seen.MayCreate, &seen.SynchronousCommit, &seen.SynchronousStandby)
	if err != nil {
		return seen, fmt.Errorf("look at the database: %w", storeFault(err))
	}
	return seen, nil
}
