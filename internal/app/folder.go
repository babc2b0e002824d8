package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kedrod/kedrod/internal/fault"
)

// folder is the data folder, held by this process alone.
type folder struct{ lock *os.File }

// lockWait is how long the start waits for a process that is just ending.
const lockWait = 5 * time.Second

// openFolder makes the data folder and locks it: one process owns it.
func openFolder(ctx context.Context, dir string) (*folder, error) {
	if err := makeFolder(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "serve.lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "can't write in the data folder "+dir+": let this user write it, or name another with --data-dir")
	}
	if err := lockFile(ctx, f); err != nil {
		holder := readHolder(f)
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fault.Newf(fault.Conflict, "another kedrod serve or worker%s uses the data folder %s. To serve two projects from one, give both in one --config; "+
				"else start this one with another --data-dir (and --listen, where it serves)", holder, dir)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if err := writeHolder(f); err != nil {
		_ = f.Close()
		return nil, fault.Wrap(err, fault.Unavailable, "can't write in the data folder "+dir)
	}
	return &folder{lock: f}, nil
}

// makeFolder makes the data folder, which must be where SQLite is safe.
func makeFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fault.Wrap(err, fault.Unavailable, "can't make the data folder "+dir+": name another with --data-dir")
	}
	if kind := networkFileSystem(dir); kind != "" {
		return fault.Newf(fault.Invalid, "the data folder %s is on a network file system (%s), where SQLite and locks are not safe: name one on a local disk with --data-dir", dir, kind)
	}
	return nil
}

func lockFile(ctx context.Context, f *os.File) error {
	deadline := time.Now().Add(lockWait)
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil || !errors.Is(err, unix.EWOULDBLOCK) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func writeHolder(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// readHolder says who holds the lock, as far as it is known.
func readHolder(f *os.File) string {
	var b [32]byte
	n, _ := f.ReadAt(b[:], 0) // what was read is enough
	if pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n]))); err == nil {
		return fmt.Sprintf(" (pid %d)", pid)
	}
	return ""
}

// close gives the folder free; the lock goes with the descriptor.
func (f *folder) close() error { return f.lock.Close() }
