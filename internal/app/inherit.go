package app

import (
	"context"
	"net"
	"os"
	"time"

	"github.com/kedrod/kedrod/internal/clock"
	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/executor"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/worker"
)

// What follows is a part of the start each: taken over, or made anew where n is nil.

func (n *inheritance) folder(ctx context.Context, dir string) (*folder, error) {
	if n == nil {
		return openFolder(ctx, dir)
	}
	return &folder{lock: n.lock}, nil // the lock is the descriptor's
}

func (n *inheritance) listen(ctx context.Context, address string) (net.Listener, error) {
	if n != nil && n.Listen == address && n.listener != nil {
		return n.listener, nil
	}
	if n != nil && n.listener != nil {
		_ = n.listener.Close() // the settings name another address now
	}
	return listen(ctx, address)
}

// identity keeps the worker's id, and with it what its runs and its jobs are known by.
func (n *inheritance) identity(cfg config.Config, version string) (store.Worker, error) {
	self, err := identity(cfg, version)
	if n != nil {
		self.ID, self.StartedAt = n.WorkerID, n.StartedAt
	}
	return self, err
}

func (n *inheritance) executor(ctx context.Context, o executor.Options) (*executor.Executor, error) {
	switch {
	case n == nil:
		return executor.New(ctx, o)
	case n.exec != nil:
		n.exec.Thaw()
		return n.exec, nil
	}
	o.Adopt = &n.Executor
	return executor.New(ctx, o)
}

func (n *inheritance) adopt(w *worker.Worker, exec *executor.Executor) {
	if n != nil {
		w.Adopt(n.Worker, exec.Handed())
	}
}

// tryGap is the pause between tries of persist.
const tryGap = 200 * time.Millisecond

// persist tries again what needs the store, where runs were taken over: a start that
// fails ends them, and their guard does so at the old deadline of their lease. Half of
// the lease is for tries, the rest for the first renewal. Others try once.
func (n *inheritance) persist(ctx context.Context, lease time.Duration, try func() error) error {
	for {
		err := try()
		if err == nil || n == nil || clock.SinceBoot()-n.Written >= lease/2 {
			return err
		}
		select {
		case <-time.After(tryGap):
		case <-ctx.Done():
			return err
		}
	}
}

// untilSignal is untilSignal; who goes on for another has something to stop from the
// first moment on, and hears the signal later.
func (n *inheritance) untilSignal(ctx context.Context, signals <-chan os.Signal) (context.Context, func() bool) {
	if n != nil {
		return ctx, func() bool { return false }
	}
	return untilSignal(ctx, signals)
}
