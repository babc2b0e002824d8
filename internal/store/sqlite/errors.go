package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/kedrod/kedrod/internal/fault"
)

func (s *Store) fillDefaults() {
	if s.now == nil {
		s.now = time.Now
	}
	if s.rand == nil {
		s.rand = rand.Float64
	}
}

// primary is SQLite's primary result code of err, 0 when it has none.
func primary(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// poisons tells errors after which nothing of the transaction can be trusted, from
// those that are one statement's own.
func poisons(err error) bool {
	switch primary(err) {
	case lib.SQLITE_FULL, lib.SQLITE_IOERR, lib.SQLITE_NOMEM, lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB,
		lib.SQLITE_CANTOPEN, lib.SQLITE_READONLY, lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return true
	}
	return errors.Is(err, sql.ErrConnDone)
}

// storeFault makes what a person is told of a store that can't be used.
func storeFault(err error) error {
	switch primary(err) {
	case lib.SQLITE_FULL:
		return fault.Wrap(err, fault.Unavailable, "the disk with the data folder is full; nothing was accepted: free some space and try again")
	case lib.SQLITE_IOERR, lib.SQLITE_CANTOPEN:
		return fault.Wrap(err, fault.Unavailable, "the disk with the data folder can't be read or written; nothing was accepted")
	case lib.SQLITE_READONLY:
		return fault.Wrap(err, fault.Unavailable, "jobs.db can't be written; nothing was accepted: let the service's user write the data folder")
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return fault.Wrap(err, fault.Unavailable, "another program holds jobs.db locked; nothing was accepted: try again, or end that program")
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return fault.Wrap(err, fault.Unavailable, "jobs.db is damaged; stop the service, keep the file, and restore a backup")
	}
	return err
}

func openFault(path string, err error) error {
	switch primary(err) {
	case 0:
		return err
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return fault.Wrap(err, fault.Unavailable, path+" is not a database that kedrod can read: move it away to start afresh, or restore a backup")
	}
	return cantOpen(path, err)
}

func cantOpen(path string, err error) error {
	return fault.Wrap(err, fault.Unavailable, "can't open "+path+": it must be writable, on a disk with space, and not held by another program")
}

func readFault(what string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w", what, err)
	}
	return fmt.Errorf("%s: %w", what, storeFault(err))
}

// busy reports whether another connection was in the way.
func busy(err error) bool {
	code := primary(err)
	return code == lib.SQLITE_BUSY || code == lib.SQLITE_LOCKED
}
