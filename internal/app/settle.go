package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/kedrod/kedrod/internal/executor"
	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/store/sqlite"
	"github.com/kedrod/kedrod/internal/worker"
)

// killTime is how long a start waits for what a dead worker left to be gone.
const killTime = time.Minute

// workerLocks is the folder of the locks that workers share with their guards.
func workerLocks(dataDir string) string { return filepath.Join(dataDir, "workers") }

// settleLocks settles what dead workers on this data folder left, each within moments of
// its death: kills what lives of it, reports outcomes that stand in run folders, gives
// its other jobs back. It touches only those whose locks it gets, and of those that ran
// in another container or on another machine it only reports outcomes. One whose
// processes can't be killed is left to its lease; the error, given after all others are
// settled, names the pids. The folder must not be on a network file system.
func settleLocks(ctx context.Context, dataDir string, w *worker.Worker, log *slog.Logger) error {
	left, err := executor.LeftLocks(ctx, workerLocks(dataDir))
	if err != nil {
		return err
	}
	for _, l := range left {
		settled, failed := settleLock(ctx, l, w, log)
		if failed == nil && settled {
			failed = l.Remove()
		} else {
			l.Release()
		}
		err = errors.Join(err, failed)
	}
	return err
}

func settleLock(ctx context.Context, l *executor.LeftLock, w *worker.Worker, log *slog.Logger) (settled bool, err error) {
	if !l.Near {
		return w.ReportLeft(ctx, l.Worker)
	}
	if err := kill(ctx, l.Worker, l.Clear); err != nil {
		return false, err
	}
	log.Debug("nothing of an earlier worker is left", "worker", l.Worker)
	return true, w.RecoverFrom(ctx, l.Worker)
}

// kill waits for a dead worker's last process, but not for ever.
func kill(ctx context.Context, dead string, end func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, killTime)
	defer cancel()
	err := end(bounded)
	var stuck *executor.StuckError
	if errors.As(err, &stuck) {
		return fault.Newf(fault.Unavailable, "processes of worker %s, which is dead, can't be killed (pids %v), and their jobs would run twice: end them, then start again", dead, stuck.PIDs)
	}
	return err
}

// settle ends what earlier processes on this folder left, and puts its jobs in order.
// The folder's lock says that all of them are dead, whether they kept locks of their own
// or not.
func settle(ctx context.Context, db *sqlite.Store, h *hand, dataDir string, log *slog.Logger) error {
	if err := settleLocks(ctx, dataDir, h.worker, log); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	workers, err := db.Workers(ctx, time.Now())
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	for _, left := range workers {
		if left.ID == h.self.ID { // this one goes on for an earlier program
			continue
		}
		err := kill(ctx, left.ID, func(ctx context.Context) error { return executor.KillLeftovers(ctx, left.ID) })
		if err != nil {
			return fmt.Errorf("start: %w", err)
		}
	}
	if err := db.ReleaseDeliveries(ctx); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	return h.worker.Recover(ctx)
}
