package kedro

import (
	"context"
	"sync"
	"time"
)

// startSpacing: Kedro takes its save version, in milliseconds, from the clock some
// time after a start; two runs that meet in one can't both save a versioned dataset.
const startSpacing = 10 * time.Millisecond

// StartGate keeps the starts of one project's runs apart. The zero value is ready;
// it may be used from any goroutine.
type StartGate struct {
	mu   sync.Mutex
	next time.Time
}

// Wait returns when a run may start, in the order of the calls, 10 ms after the one
// before; or with ctx's error.
func (g *StartGate) Wait(ctx context.Context) error {
	g.mu.Lock()
	now := time.Now()
	at := g.next
	if at.Before(now) {
		at = now
	}
	g.next = at.Add(startSpacing)
	g.mu.Unlock()
	if at.Equal(now) {
		return ctx.Err()
	}
	timer := time.NewTimer(at.Sub(now))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
