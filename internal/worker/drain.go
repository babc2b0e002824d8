package worker

import (
	"context"
	"errors"
	"time"

	"github.com/kedrod/kedrod/internal/store"
)

// untilDrained gives a context that ends with ctx, or once somebody asks this worker to
// drain, and a function to call when that does not matter any more, which ends the watch.
func (w *Worker) untilDrained(ctx context.Context) (context.Context, func()) {
	claiming, cancel := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if w.watchDrain(claiming) {
			w.o.Log.Info("asked to drain: no new job is started", "worker", w.o.Self.ID)
			cancel()
		}
	}()
	return claiming, func() { cancel(); <-watched }
}

// drainPolls is how many polls pass between two looks that no wake-up asked for: a drain
// is rare, and who asks for one sees whether it has begun.
const drainPolls = 5

// watchDrain returns when a drain was asked for, which it looks for at a wake-up and now
// and then, or ctx ends.
func (w *Worker) watchDrain(ctx context.Context) (asked bool) {
	wake, unsubscribe := w.o.Store.Subscribe(store.TopicDrain)
	defer unsubscribe()
	ticker := time.NewTicker(drainPolls * w.poll)
	defer ticker.Stop()
	failing := false
	for {
		asked, err := w.o.Store.DrainRequested(ctx, w.o.Self.ID)
		switch {
		case asked:
			return true
		case err != nil && !failing && !errors.Is(err, context.Canceled):
			w.o.Log.Warn("whether this worker is to drain can't be read; trying again", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return false
		case <-wake:
		case <-ticker.C:
		}
	}
}
