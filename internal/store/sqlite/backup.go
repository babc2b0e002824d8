package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/kedrod/kedrod/internal/fault"
)

// Backup writes what the file at path holds at one moment into a new file, compact
// and complete, also while a service works on it. to must not exist.
func Backup(ctx context.Context, path, to string) (err error) {
	if _, err := os.Stat(path); err != nil {
		return fault.Wrap(err, fault.NotFound, "there is no "+path+" to back up: name its folder with --data-dir")
	}
	if _, err := os.Lstat(to); err == nil {
		return fault.Newf(fault.Conflict, "%s is there already: name a new file", to)
	}
	part := to + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := makePrivate(part); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	db, err := sql.Open("sqlite", plainDSN(path))
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", part); err != nil {
		_ = os.Remove(part) // what is there of it is of no use
		return fmt.Errorf("back up into %s: %w", to, openFault(path, err))
	}
	if err := verify(ctx, part); err != nil {
		return err
	}
	return settle(part, to)
}

// Restore puts a backup in the place of the file at path, whose service must be
// stopped. What is there is moved aside, never overwritten; aside is where to, "" if
// nothing was there.
func Restore(ctx context.Context, from, path string, now time.Time) (aside string, err error) {
	if err := verify(ctx, from); err != nil {
		return "", err
	}
	part := path + ".part"
	if err := copyFile(from, part); err != nil {
		return "", fmt.Errorf("restore: %w", err)
	}
	if _, err := os.Lstat(path); err == nil {
		aside = path + ".before-restore-" + now.UTC().Format("20060102T150405.000000")
		for _, suffix := range []string{"-wal", "-shm", ""} { // a WAL without its file is nobody's
			if err := os.Rename(path+suffix, aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", fmt.Errorf("restore: %w", err)
			}
		}
	}
	return aside, settle(part, path)
}

// isFile refuses what SQLite would wait for or fail to read in words of its own: pipes,
// devices and folders.
func isFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fault.Wrap(err, fault.NotFound, "can't read "+path)
	}
	if !info.Mode().IsRegular() {
		return fault.Newf(fault.Invalid, "%s is no file: name one that holds a database", path)
	}
	return nil
}

// verify reads a file whole: it must be a sound database of a version we know.
func verify(ctx context.Context, path string) (err error) {
	if err := isFile(path); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", plainDSN(path))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var said string
	if err = db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&said); err == nil && said != "ok" {
		err = errors.New(said)
	}
	if err != nil {
		return fault.Wrap(err, fault.Invalid, path+" is no sound database: take another backup; nothing was changed")
	}
	ours, err := knows(ctx, db)
	if err == nil && !ours {
		err = fault.Newf(fault.Invalid, "%s is no backup of kedrod that this version can read; nothing was changed", path)
	}
	return err
}

// knows reports whether a database is kedrod's, of a major version that this one can read.
func knows(ctx context.Context, db *sql.DB) (bool, error) {
	var major, tables int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&major); err != nil {
		return false, err
	}
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master WHERE name IN ('jobs', 'attempts', 'events')").Scan(&tables); err != nil {
		return false, err
	}
	return major <= schemaMajor && tables == 3, nil
}

// plainDSN opens a file that is there as it is.
func plainDSN(path string) string {
	q := url.Values{"_pragma": {"busy_timeout(5000)"}, "mode": {"rw"}}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
}

// settle gives a finished file its name, on the disk.
func settle(part, name string) error {
	f, err := os.Open(part)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close(), os.Rename(part, name)); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// makePrivate makes an empty file that nobody else may read: jobs hold parameters, and
// addresses with tokens in them. SQLite itself would give it what mode the umask leaves;
// it fills a file that is empty, and its WAL gets the mode of the file. One that is there
// stays as it is, unopened: to close it would end the locks that this process has on it.
func makePrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
