package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/kedrod/kedrod/internal/fault"
)

// schemaMajor stands in PRAGMA user_version: 0 was before it was kept. Within it
// tables only gain, so that an older binary works on what a newer one made.
const schemaMajor = 1

// checkMajor refuses a file of a later major version, and marks a new one as ours.
func checkMajor(ctx context.Context, db *sql.DB) error {
	var major int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&major); err != nil {
		return err
	}
	if major > schemaMajor {
		return fault.Newf(fault.Unavailable, "jobs.db was made by a later major version of kedrod (schema %d, this one knows %d): run that version, "+
			"or restore a backup made before the upgrade; nothing was changed", major, schemaMajor)
	}
	if major == schemaMajor {
		return nil
	}
	if _, err := db.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", schemaMajor)); err != nil {
		return err
	}
	return nil
}
