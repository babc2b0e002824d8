package notify

import (
	"context"
	"time"

	"github.com/kedrod/kedrod/internal/store"
)

// SetBounds shortens what an attempt may take. Call it before anything is sent.
func (n *Notifier) SetBounds(connect, whole time.Duration) {
	n.bounds = bounds{connect, whole}
	n.client = newClient(newTransport(n.o.Targets, n.bounds))
}

// SetPoll makes Run look less often where nothing wakes it: a day of looks every 5 s is
// more than the race detector bears well.
func (n *Notifier) SetPoll(d time.Duration) { n.poll = d }

// Send makes one attempt and says how it goes on.
func (n *Notifier) Send(ctx context.Context, d store.Delivery, body string) (store.Attempted, Outcome) {
	return n.judge(&d, n.send(ctx, &d, []byte(body)))
}

// Close ends what Send kept open.
func (n *Notifier) Close() { n.client.CloseIdleConnections() }

// What the tests hold against.
var (
	Delay      = delay
	RetryAfter = retryAfter
)

const (
	AtOnce       = atOnce
	AtOnceOfHost = atOnceOfHost
	Lease        = lease
	Grace        = grace
	Longest      = longest
	Window       = window
	Private      = private
)
