// Package disk keeps a service usable on a disk that fills up. A ballast file in the
// data folder is given up when almost nothing is free, so that the ends of runs and
// their reports still fit; nothing new is accepted until there is room for it again.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Options of New.
type Options struct {
	Dir     string // the data folder
	Ballast int64  // bytes of the ballast; 0: none
	MinFree uint64 // below it no run is begun
	Free    func(dir string) (uint64, error)
	Log     *slog.Logger
}

// Keeper watches the disk of a data folder.
type Keeper struct {
	o    Options
	path string

	mu    sync.Mutex
	held  bool // the ballast is there
	low   bool
	asked time.Time
}

const (
	interval = time.Second
	// nearlyNothing is how much is free when the ballast is given up: what a few
	// transactions, a checkpoint and some log lines take.
	nearlyNothing = 4 << 20
	megabyte      = 1_000_000 // as in settings
)

// New makes a keeper and looks at the disk once. A disk without room for the ballast
// is no error: it is made when there is.
func New(o Options) *Keeper {
	k := &Keeper{o: o, path: filepath.Join(o.Dir, "ballast"), held: true}
	if info, err := os.Stat(k.path); err != nil || info.Size() != o.Ballast {
		k.held = o.Ballast == 0
	}
	k.Look()
	return k
}

// Run looks at the disk each second until ctx ends.
func (k *Keeper) Run(ctx context.Context) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			k.Look()
		}
	}
}

// Full reports whether the ballast had to be given up: nothing new may be accepted.
func (k *Keeper) Full() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.held
}

// Low reports whether no run may be begun.
func (k *Keeper) Low() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.low || !k.held
}

// Failed is told when a write failed, whatever the reason: the disk is looked at, and
// the ballast given up if that is what was missing.
func (k *Keeper) Failed() { k.Look() }

// Look looks at the disk now, and gives up or makes the ballast.
func (k *Keeper) Look() {
	k.mu.Lock()
	defer k.mu.Unlock()
	free, err := k.o.Free(k.o.Dir)
	if err != nil {
		return // others will say that the disk is gone
	}
	if low := free < k.o.MinFree; low != k.low {
		k.low = low
		if low {
			k.o.Log.Warn("the data folder's disk is nearly full: runs go on, but none is begun until some space is free", "free_mb", free/megabyte, "needed_mb", k.o.MinFree/megabyte)
		} else {
			k.o.Log.Info("the data folder's disk has space again: runs are begun", "free_mb", free/megabyte)
		}
	}
	switch {
	case k.o.Ballast == 0:
	case k.held && free < nearlyNothing:
		if err := os.Remove(k.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			k.o.Log.Error("the ballast can't be given up", "error", err)
			return
		}
		k.held = false
		k.o.Log.Error("the data folder's disk is full: the ballast is given up so that runs can end; no job is accepted until space is free", "free_mb", free/megabyte)
	case !k.held && free >= uint64(k.o.Ballast)+nearlyNothing*2: //nolint:gosec // a setting, never negative
		if err := k.make(); err != nil {
			if time.Since(k.asked) > time.Minute {
				k.asked = time.Now()
				k.o.Log.Warn("the ballast can't be made", "error", err)
			}
			return
		}
		k.held = true
	}
}

// make makes the ballast. It is not only made long: a hole holds no space.
func (k *Keeper) make() (err error) {
	part := k.path + ".part"
	f, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if !reserve(f, k.o.Ballast) {
		block := make([]byte, 1<<20)
		for left := k.o.Ballast; left > 0 && err == nil; left -= int64(len(block)) {
			_, err = f.Write(block[:min(left, int64(len(block)))])
		}
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(part, k.path)
	}
	if err != nil {
		_ = os.Remove(part) // it would only take what is missing
		return fmt.Errorf("ballast: %w", err)
	}
	return nil
}
