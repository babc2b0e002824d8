package executor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// guardAtWork is how long the guard of a dead worker is waited for. It is mostly done within some 100 ms.
const guardAtWork = 5 * time.Second

// LeftLock is the lock of a worker that is dead, as its guard is; this process holds it now, so that nobody else settles the same.
type LeftLock struct {
	Worker string // its id
	// Near tells that Clear can make sure that nothing of the worker lives. If not (it ran in another container, on another machine, or a start of
	// the machine ago that can't be told from another's), only its lease can say so.
	Near bool

	file   *os.File
	path   string
	cgroup string
	booted bool // the machine was started since: nothing is left to be killed
}

// LeftLocks takes the locks in a folder (see Options.LockFile) whose workers are dead. It waits up to 5 s for guards that are at work. A folder that
// is not there holds none. End each by Remove or Release; the process's end releases them too. On network file systems locks tell nothing.
func LeftLocks(ctx context.Context, dir string) ([]*LeftLock, error) {
	names, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for locks of dead workers: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, guardAtWork)
	defer cancel()
	here := Here()
	var left []*LeftLock
	for _, name := range names {
		if !name.Type().IsRegular() || !strings.HasSuffix(name.Name(), lockEnding) {
			continue
		}
		l, err := takeLeft(ctx, filepath.Join(dir, name.Name()), here)
		if err != nil {
			for _, l := range left {
				l.Release()
			}
			return nil, fmt.Errorf("look at the lock %s: %w", name.Name(), err)
		}
		if l != nil {
			left = append(left, l)
		}
	}
	return left, nil
}

// takeLeft takes one lock; nil if somebody holds it, or it was settled meanwhile.
func takeLeft(ctx context.Context, path string, here Place) (*LeftLock, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	free, err := lockOfDead(ctx, f, here)
	if err != nil || !free || !stillThere(f, path) {
		return nil, errors.Join(err, f.Close())
	}
	text, _ := contents(f) // nothing: see below
	h, ok := readLock(text)
	if !ok || LockFile(filepath.Dir(path), h.Worker) != path {
		// No worker wrote this: a machine that lost its power, most likely, and so all its runs.
		return nil, errors.Join(os.Remove(path), f.Close())
	}
	l := &LeftLock{Worker: h.Worker, file: f, path: path, cgroup: h.Cgroup, booted: h.bootedSince(here)}
	l.Near = l.booted || h.sameTable(here)
	return l, nil
}

// lockOfDead locks a file unless somebody alive holds it. If its worker is dead, the holder is the guard that still kills, or another that settles.
func lockOfDead(ctx context.Context, f *os.File, here Place) (bool, error) {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EWOULDBLOCK):
			return false, err
		}
		text, _ := contents(f)
		if h, ok := readLock(text); !ok || !h.dead(here) {
			return false, nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return false, nil // a guard that was stopped: its worker's lease will tell
		}
	}
}

// stillThere tells whether the file is the one of this name, and not one that was removed before we had its lock.
func stillThere(f *os.File, path string) bool {
	ours, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(ours, named)
}

// Clear kills what the worker left and returns once nothing of it lives: a *StuckError when ctx ends before. It does so only where Near is set.
func (l *LeftLock) Clear(ctx context.Context) error {
	if !l.Near {
		return fmt.Errorf("worker %s did not run in this place: what it left can't be seen from here", l.Worker)
	}
	if l.booted {
		return nil
	}
	return killLeftovers(ctx, l.Worker, l.cgroup)
}

// Remove ends the lock and its file: the worker is settled.
func (l *LeftLock) Remove() error {
	return errors.Join(os.Remove(l.path), l.file.Close())
}

// Release gives the lock free for another look, later or by others.
func (l *LeftLock) Release() { _ = l.file.Close() }
