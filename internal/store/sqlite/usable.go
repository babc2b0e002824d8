package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/kedrod/kedrod/internal/fault"
)

// Usable tells whether Open would know the file's tables; it changes nothing, and the file
// may be open elsewhere. A file that is not there is one that Open makes.
func Usable(ctx context.Context, path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	db, err := sql.Open("sqlite", dsn(path, "query_only(1)"))
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	var major, jobs int
	err = errors.Join(
		db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&major),
		db.QueryRowContext(ctx, "SELECT count(*) FROM (SELECT 1 FROM jobs LIMIT 1)").Scan(&jobs),
	)
	if err != nil {
		return openFault(path, closing(db, err))
	}
	if major > schemaMajor {
		return closing(db, fault.Newf(fault.Unavailable, "jobs.db was made by a later major version of kedrod (schema %d, this one knows %d)", major, schemaMajor))
	}
	return db.Close()
}
