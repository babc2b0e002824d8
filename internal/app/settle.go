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
)

// killTime is how long a start waits for what a dead worker left to be gone, and
// killTimeLeased how long where it goes on without.
const (
	killTime       = time.Minute
	killTimeLeased = 10 * time.Second
)

// workerLocks is the folder of the locks that workers share with their guards.
func workerLocks(dataDir string) string { return filepath.Join(dataDir, "workers") }

// survivors settles what dead workers left, which it touches only under locks.
type survivors interface {
	RecoverFrom(ctx context.Context, dead string) error
	ReportLeft(ctx context.Context, dead string) (over bool, err error)
}

// settling settles what dead workers on this data folder left, each within moments of
// its death: kills what lives of it, reports outcomes that stand in run folders, gives
// its other jobs back. It touches only those whose locks it gets, and of those that ran
// in another container or on another machine it only reports outcomes. The folder must
// not be on a network file system.
type settling struct {
	dataDir  string
	by       survivors
	killTime time.Duration // how long what a dead worker left is waited for
	leased   bool          // jobs of dead workers are given back by their leases too
	log      *slog.Logger
}

func (n *node) settling() settling {
	s := settling{dataDir: n.cfg.DataDir, by: n.hand.Load().worker, killTime: killTime, leased: shared(n.cfg), log: n.log}
	if s.leased {
		s.killTime = killTimeLeased
	}
	return s
}

// locks settles. One whose processes can't be killed is left to its lease, with its lock
// free for the next look; where there are no leases, an error, given after all others are
// settled, names the pids.
func (s settling) locks(ctx context.Context) error {
	left, err := executor.LeftLocks(ctx, workerLocks(s.dataDir))
	if err != nil {
		return err
	}
	for _, l := range left {
		settled, failed := s.lock(ctx, l)
		var stuck *executor.StuckError
		if s.leased && ctx.Err() == nil && errors.As(failed, &stuck) {
			s.log.Error("processes of a dead worker can't be killed: its jobs are left to its lease, after which they run again; end the processes before", "worker", l.Worker, "pids", stuck.PIDs)
			failed = nil
		}
		if failed == nil && settled {
			failed = l.Remove()
		} else {
			l.Release()
		}
		err = errors.Join(err, failed)
	}
	return err
}

func (s settling) lock(ctx context.Context, l *executor.LeftLock) (settled bool, err error) {
	if !l.Near {
		return s.by.ReportLeft(ctx, l.Worker)
	}
	if err := kill(ctx, s.killTime, l.Worker, l.Clear); err != nil {
		return false, err
	}
	s.log.Debug("nothing of an earlier worker is left", "worker", l.Worker)
	return true, s.by.RecoverFrom(ctx, l.Worker)
}

// kill waits for a dead worker's last process, but not for ever.
func kill(ctx context.Context, most time.Duration, dead string, end func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	err := end(bounded)
	var stuck *executor.StuckError
	if errors.As(err, &stuck) {
		return fault.Wrap(err, fault.Unavailable, fmt.Sprintf("processes of worker %s, which is dead, can't be killed (pids %v), and their jobs would run twice: end them, then start again", dead, stuck.PIDs))
	}
	return err
}

// lookAgain is how often locks of dead workers are looked at while a process runs.
const lookAgain = time.Minute

// settleLater settles now and then what a start did not, on a shared store: what it left
// to its lease, and everything where it went on for another program.
func (n *node) settleLater(ctx context.Context) error {
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for todo, limits := n.from != nil, n.from != nil; ; todo = true { // settings may have changed
		var err error
		if limits {
			err = n.db.Reconsider(ctx, n.projects.limits())
			limits = err != nil
		}
		if todo {
			err = errors.Join(err, n.settling().locks(ctx))
		}
		if err != nil && ctx.Err() == nil {
			n.log.Warn("what dead workers on this data folder left can't be settled; trying again in a minute", "error", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// settle ends what earlier processes on this folder left, and puts its jobs in order.
// The folder's lock says that all of them are dead, whether they kept locks of their own
// or not.
func settle(ctx context.Context, db *sqlite.Store, h *hand, locks settling) error {
	if err := locks.locks(ctx); err != nil {
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
		err := kill(ctx, locks.killTime, left.ID, func(ctx context.Context) error { return executor.KillLeftovers(ctx, left.ID) })
		if err != nil {
			return fmt.Errorf("start: %w", err)
		}
	}
	if err := db.ReleaseDeliveries(ctx); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	return h.worker.Recover(ctx)
}
