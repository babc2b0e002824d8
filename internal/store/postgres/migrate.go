package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/kedrod/kedrod/internal/fault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// schemaMajor stands in kedrod_schema. Within it tables only gain, so that an older
// binary works on what a newer one made.
const schemaMajor = 1

// migrate brings the tables up to date on a connection of its own, which has no time
// limit. Of several processes one does it, and the others wait.
func migrate(ctx context.Context, cfg *pgx.ConnConfig) error {
	db := stdlib.OpenDB(*unhurried(cfg))
	err := migrateBy(ctx, db)
	if cerr := db.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("migrate: %w", cerr)
	}
	return err
}

func migrateBy(ctx context.Context, db *sql.DB) error {
	if err := checkServer(ctx, db); err != nil {
		return err
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	one, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 600)) // looks each second, for ten minutes
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	// Out of order: migrations only add, so one that an older line brings later stands
	// on its own.
	p, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithAllowOutofOrder(true), goose.WithSessionLocker(one))
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	if pending, err := p.HasPending(ctx); err == nil && !pending {
		return nil
	}
	if _, err := p.Up(ctx); err != nil {
		return migrateFault(err)
	}
	return nil
}

// checkServer refuses a database that can't be used, before anything is written to it.
func checkServer(ctx context.Context, db *sql.DB) error {
	var version int
	var encoding string
	var ours bool
	const q = `SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), to_regclass('kedrod_schema') IS NOT NULL`
	if err := db.QueryRowContext(ctx, q).Scan(&version, &encoding, &ours); err != nil {
		return fmt.Errorf("open the database: %w", storeFault(err))
	}
	if version < oldestServer*10000 {
		return fault.Newf(fault.Unavailable, "the database server is PostgreSQL %d: it must be %d or later", version/10000, oldestServer)
	}
	if encoding != "UTF8" {
		return fault.Newf(fault.Unavailable, "the database's encoding is %s: create one with ENCODING 'UTF8'", encoding)
	}
	if !ours {
		return nil
	}
	var major int
	if err := db.QueryRowContext(ctx, `SELECT major FROM kedrod_schema`).Scan(&major); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("open the database: %w", storeFault(err))
	}
	if major > schemaMajor {
		return fault.Newf(fault.Unavailable, "the database was made by a later major version of kedrod (schema %d, this one knows %d): run that version, "+
			"or restore a backup made before the upgrade; nothing was changed", major, schemaMajor)
	}
	return nil
}

// oldestServer is the oldest major version of PostgreSQL that is tested.
const oldestServer = 15

func migrateFault(err error) error {
	switch sqlState(err) {
	case "42P07": // duplicate_table
		return fault.Wrap(bare(err), fault.Unavailable, "the database holds tables of another program under our names: give kedrod a database of its own")
	case "42501": // insufficient_privilege
		return fault.Wrap(bare(err), fault.Unavailable, "the database's user may not create tables there: make it the owner of the database, or GRANT CREATE ON SCHEMA public")
	}
	return fmt.Errorf("migrate: %w", storeFault(err))
}

// namesPoolSize reports whether a URL or a keyword string sets the pool's size.
func namesPoolSize(url string) bool { return strings.Contains(url, "pool_max_conns") }
