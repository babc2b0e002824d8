package executor

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/kedrod/kedrod/internal/executor/proc"
)

// lockEnding is the ending of the lock files' names; before it stands the worker's id.
const lockEnding = ".lock"

// LockFile is where a worker's lock lies in a folder of them.
func LockFile(dir, worker string) string { return filepath.Join(dir, worker+lockEnding) }

// holder is what a lock file holds: who has locked it, so that others can tell what that one may have left behind.
type holder struct {
	Worker string `json:"worker"`
	PID    int    `json:"pid"`
	Start  uint64 `json:"start,omitempty"`  // in clock ticks since boot; 0: not known
	Cgroup string `json:"cgroup,omitempty"` // the folder of its control group; "": none
	Place
}

// takeLock makes and locks the worker's lock file. The lock belongs to the descriptor, which the guard gets a copy of: it is free once both are gone.
func takeLock(path, worker, group string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	// It gets its name once it is locked and written, so that nobody takes it for a dead worker's before.
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return nil, err
	}
	err = fillLock(f, worker, group)
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), os.Remove(f.Name()), f.Close())
	}
	return f, nil
}

func fillLock(f *os.File, worker, group string) error {
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return err
	}
	h := holder{Worker: worker, PID: os.Getpid(), Cgroup: group, Place: Here()}
	if p, err := proc.Stat(h.PID); err == nil {
		h.Start = p.Start
	}
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(append(text, '\n'), 0); err != nil {
		return err
	}
	return f.Sync()
}

// readLock reads who holds, or held, a lock. Not ok: nothing that such a one wrote.
//
//kedrod:parser FuzzReadLock
func readLock(text []byte) (h holder, ok bool) {
	err := json.Unmarshal(text, &h)
	return h, err == nil && checkID("worker id", h.Worker) == nil && h.PID > 0
}

// contents reads a lock file; it is short.
func contents(f *os.File) ([]byte, error) {
	buf := make([]byte, 4096)
	n, err := f.ReadAt(buf, 0)
	if n == len(buf) {
		return nil, errors.New("too long for a lock file")
	}
	if n > 0 {
		return buf[:n], nil
	}
	return nil, err
}

// dead tells whether the process that wrote the lock is known to be gone. Only what runs beside us can be known.
func (h holder) dead(here Place) bool {
	if !h.sameTable(here) || h.Start == 0 {
		return false
	}
	p, err := proc.Stat(h.PID)
	return err != nil || p.Start != h.Start || !p.Alive()
}
