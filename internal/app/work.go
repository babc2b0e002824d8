package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/retention"
)

// Work runs a worker alone, without an address, over the database of the settings, until
// a signal comes, it is drained or ctx ends. It returns nil after an orderly stop. Errors
// at the start say what to do.
func Work(ctx context.Context, cfg config.Config, p Process) error {
	if err := needDatabase(cfg); err != nil {
		return err
	}
	cfg.NoWorker = false // a settings file may be serve's too
	return inTurn(cfg, p, func(from *inheritance) (*inheritance, error) {
		n, err := workOnce(ctx, cfg, p, from)
		return n.part.next, err
	})
}

func workOnce(ctx context.Context, cfg config.Config, p Process, from *inheritance) (n *node, err error) {
	n, err = openNode(ctx, cfg, p, from, func(*node) error { return nil })
	defer func() { err = errors.Join(err, n.close()) }()
	if err != nil {
		return n, err
	}
	if stopped, err := n.settle(ctx); stopped || err != nil {
		return n, err
	}
	// Jobs are for serve to delete; what lies on this machine is for this process.
	keeper, err := n.newKeeper(ctx, retention.Keep{Logs: cfg.Retention.Logs, RunsSize: cfg.Retention.LogsTotal})
	if err != nil {
		return n, err
	}
	return n, n.work(ctx, keeper)
}

// work runs until told to stop.
func (n *node) work(ctx context.Context, keeper *retention.Keeper) error {
	draining, drain := context.WithCancel(ctx)
	defer drain()
	background, endBackground := context.WithCancel(ctx)
	defer endBackground()
	if err := n.persist(ctx, func() error { return n.hand.Load().worker.Enter(ctx) }); err != nil {
		return fmt.Errorf("start of the worker: %w", err)
	}
	group, failed := errgroup.WithContext(background)
	parts := newParts(background)
	n.background(parts.goOn)
	parts.goOn(keeper.RunLocal)
	group.Go(parts.wait)
	group.Go(func() error { n.signals(failed, drain); return nil })
	group.Go(func() error {
		n.manager.Watch(background, func(context.Context) error { return n.silence() }, n.unfed)
		return nil
	})
	group.Go(func() error { n.upgrades(draining, ends{parts: parts.end, api: func() {}, rest: drain}); return nil })
	line := fmt.Sprintf("kedrod worker %s is ready and runs %s", n.hand.Load().self.ID, n.projects.describe())
	n.greet(line)
	n.tell(n.manager.Ready(line))
	n.log.Info("kedrod works", "worker", n.hand.Load().self.ID, "version", n.process.Version, "data_dir", n.cfg.DataDir, "slots", n.cfg.Concurrency)

	either, cancel := context.WithCancel(draining)
	defer cancel()
	stop := context.AfterFunc(failed, cancel)
	defer stop()
	err := n.toil(either)
	drain() // it may have been drained by a call: there is nothing to go over to another binary
	endBackground()
	err = errors.Join(err, group.Wait())
	if n.part.next != nil {
		return err
	}
	n.tell(n.manager.Stopping("the worker has ended"))
	n.log.Info("kedrod has stopped")
	return err
}

// silence tells whether one of the worker's loops hangs.
func (n *node) silence() error {
	if silent := n.hand.Load().worker.Silent(); silent > silentMost {
		return fmt.Errorf("the worker's loop has not come round for %s", silent.Round(time.Second))
	}
	return nil
}

func (n *node) unfed(err error) {
	n.log.Warn("the service manager's watchdog is not fed: it starts this process anew if that goes on", "error", err)
}
