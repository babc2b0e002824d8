// Package notify tells receivers of jobs' ends over HTTP, each at least once: what is
// to be told stands in the store before it is sent, and until it has ended. It knows
// the store by the interface below and how a job is written by a function.
package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/kedrod/kedrod/internal/clock"
	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// Store is what is needed of the store.
type Store interface {
	DeliveryHosts(ctx context.Context) ([]store.DeliveryHost, error)
	TakeDeliveries(ctx context.Context, host string, lease time.Duration, limit int) ([]store.Delivery, error)
	SaveDelivery(ctx context.Context, a store.Attempted) error
	ShiftDeliveries(ctx context.Context, by time.Duration) error
	Brief(ctx context.Context, id string) (job.Job, error)
	Subscribe(topic string) (<-chan struct{}, func())
}

// Options of New. Everything must be set but Observe, Transport, Now, Rand and Elapsed.
type Options struct {
	Store   Store
	Targets *Targets
	// Job writes a job for receivers: without parameters and results, and with no secret.
	Job     func(*job.Job) (json.RawMessage, error)
	Version string
	Observe func(Outcome) // is told what came of each attempt; nil: nobody is
	Log     *slog.Logger

	Transport http.RoundTripper // nil: one that keeps to Targets
	Now       func() time.Time  // nil: time.Now
	Rand      func() float64    // in [0, 1), the jitter; nil: rand.Float64
	// Elapsed is a clock that does not step: waits are lengths of time, whatever becomes of
	// Now. nil: steps are not looked for.
	Elapsed func() time.Duration
}

// Outcome is what came of an attempt, as a word for metrics.
type Outcome string

// The outcomes; Retried is the only one after which another attempt follows.
const (
	Delivered Outcome = "delivered"
	Retried   Outcome = "retried"
	Gone      Outcome = "gone" // 410: the receiver wants no more of it
	GivenUp   Outcome = "given_up"
)

// How many are sent at once: a receiver that hangs has a part of the room only.
const (
	atOnce       = 64
	atOnceOfHost = 4
)

const (
	lease = time.Minute     // longer than an attempt can take
	poll  = 5 * time.Second // beneath wake-ups
	// dearLook is how long a look at the store may take before the next one has to wait.
	dearLook = 20 * time.Millisecond
	// grace is what attempts under way have when the service stops. What is cut off is
	// sent again after the next start.
	grace = 3 * time.Second
)

// Notifier sends what is due.
type Notifier struct {
	o      Options
	bounds bounds
	poll   time.Duration // poll, but for tests of whole days
	client *http.Client
	freed  chan struct{} // holds one wake-up: an attempt is over

	mu      sync.Mutex
	busy    map[string]int // attempts under way, by host
	total   int
	sending sync.WaitGroup
	failing bool // the store could not be used; like those below of Run's goroutine
	steps   *clock.Steps
	stepped time.Duration // by which waits are still to be moved
	look    time.Duration // what the last look for hosts took
}

// New makes a notifier; nothing is sent before Run.
func New(o Options) *Notifier {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	if o.Observe == nil {
		o.Observe = func(Outcome) {}
	}
	b := usual()
	if o.Transport == nil {
		o.Transport = newTransport(o.Targets, b)
	}
	if o.Elapsed == nil {
		o.Elapsed = func() time.Duration { return time.Duration(o.Now().UnixNano()) }
	}
	return &Notifier{
		o: o, bounds: b, poll: poll, client: newClient(o.Transport), freed: make(chan struct{}, 1), busy: map[string]int{}, steps: clock.NewSteps(o.Now, o.Elapsed),
	}
}

// Run sends what is due until ctx ends; attempts under way then have a short grace.
func (n *Notifier) Run(ctx context.Context) error {
	wake, unsubscribe := n.o.Store.Subscribe(store.TopicDeliveries)
	defer unsubscribe()
	attempts, cutOff := context.WithCancel(context.WithoutCancel(ctx))
	defer cutOff()
	timer := time.NewTimer(n.poll)
	defer timer.Stop()
	for ctx.Err() == nil {
		wait := n.dispatch(ctx, attempts)
		n.rest(ctx)
		timer.Reset(wait)
		select {
		case <-wake:
		case <-n.freed:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	bound := time.AfterFunc(grace, cutOff)
	defer bound.Stop()
	n.sending.Wait()
	n.client.CloseIdleConnections()
	return nil
}

// rest keeps looking from taking more than a tenth of the time, where there are so many
// hosts that a look is dear.
func (n *Notifier) rest(ctx context.Context) {
	if n.look < dearLook {
		return
	}
	timer := time.NewTimer(min(9*n.look, n.poll))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// dispatch begins what is due and has room, the longest due first, and gives how long
// to wait for the next.
func (n *Notifier) dispatch(ctx, attempts context.Context) time.Duration {
	if n.stepped += n.steps.Look(); n.stepped != 0 {
		if n.troubled(ctx, n.o.Store.ShiftDeliveries(ctx, n.stepped)) {
			return n.poll
		}
		n.stepped = 0
	}
	begun := time.Now()
	hosts, err := n.o.Store.DeliveryHosts(ctx)
	n.look = time.Since(begun)
	if n.troubled(ctx, err) {
		return n.poll
	}
	slices.SortFunc(hosts, func(a, b store.DeliveryHost) int {
		return cmp.Or(a.NextAt.Compare(b.NextAt), cmp.Compare(a.Host, b.Host))
	})
	now := n.o.Now()
	for _, h := range hosts {
		if wait := h.NextAt.Sub(now); wait > 0 {
			return min(wait, n.poll)
		}
		room := n.room(h.Host)
		if room == 0 {
			continue // who frees it wakes
		}
		taken, err := n.o.Store.TakeDeliveries(ctx, h.Host, lease, room)
		if n.troubled(ctx, err) {
			return n.poll
		}
		for i := range taken {
			n.begin(attempts, h.Host, &taken[i])
		}
	}
	return n.poll
}

// troubled tells of the store's trouble once.
func (n *Notifier) troubled(ctx context.Context, err error) bool {
	if err != nil && ctx.Err() == nil && !n.failing {
		n.o.Log.Warn("deliveries wait: the store can't be used", "error", err)
	}
	n.failing = err != nil
	return n.failing
}

func (n *Notifier) room(host string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return max(min(atOnce-n.total, atOnceOfHost-n.busy[host]), 0)
}

func (n *Notifier) begin(ctx context.Context, host string, d *store.Delivery) {
	n.mu.Lock()
	n.busy[host]++
	n.total++
	n.mu.Unlock()
	n.sending.Go(func() {
		n.attempt(ctx, host, d)
		n.mu.Lock()
		if n.busy[host]--; n.busy[host] == 0 {
			delete(n.busy, host)
		}
		n.total--
		n.mu.Unlock()
		select {
		case n.freed <- struct{}{}:
		default:
		}
	})
}

// attempt sends once and records what came of it. Where that can't be recorded, it is
// sent again when the lease is over.
func (n *Notifier) attempt(ctx context.Context, host string, d *store.Delivery) {
	log := n.o.Log.With("delivery", d.ID, "job", d.JobID, "host", host, "try", d.Attempts)
	body, err := n.message(ctx, d)
	if fault.Is(err, fault.NotFound) {
		return // deleted, and the delivery with it
	}
	r := reply{err: errUnreadable}
	if err == nil {
		r = n.send(ctx, d, body)
	} else {
		log.Warn("the job of a delivery can't be read", "error", err)
	}
	if ctx.Err() != nil {
		return // cut off: nobody knows what the receiver has
	}
	a, outcome := n.judge(d, r)
	if err := n.o.Store.SaveDelivery(ctx, a); err != nil {
		log.Warn("what came of a delivery can't be recorded; it is sent again", "error", err)
		return
	}
	n.o.Observe(outcome)
	switch outcome {
	case Delivered:
		log.Info("the receiver was told of the job's end", "event", d.Event)
	case Retried:
		log.Info("the receiver could not be told of the job's end; trying again", "why", a.Error, "at", *a.NextAt)
	case Gone, GivenUp:
		log.Warn("the receiver is not told of the job's end", "why", a.Error)
	}
}

// judge says how it goes on after an attempt.
func (n *Notifier) judge(d *store.Delivery, r reply) (store.Attempted, Outcome) {
	a := store.Attempted{ID: d.ID, Attempt: d.Attempts, Answer: r.status, Error: r.why(n.bounds)}
	switch {
	case r.delivered():
		a.State = store.DeliveryDelivered
		return a, Delivered
	case r.status == http.StatusGone:
		a.State, a.Error = store.DeliveryFailed, "answered 410: the receiver wants no more of it"
		return a, Gone
	}
	at := job.Truncate(n.o.Now().Add(delay(d.Attempts, r.after, n.o.Rand())))
	if at.After(d.CreatedAt.Add(window)) {
		a.State, a.Error = store.DeliveryFailed, "given up after a day: "+a.Error
		return a, GivenUp
	}
	a.State, a.NextAt = store.DeliveryPending, &at
	return a, Retried
}

// message is what is posted. It is the same in every attempt, as a job that ended
// never changes.
type message struct {
	Event string          `json:"event"`
	ID    string          `json:"id"`
	Time  string          `json:"time"`
	Job   json.RawMessage `json:"job"`
}

func (n *Notifier) message(ctx context.Context, d *store.Delivery) ([]byte, error) {
	j, err := n.o.Store.Brief(ctx, d.JobID)
	if err != nil {
		return nil, err
	}
	written, err := n.o.Job(&j)
	if err != nil {
		return nil, err
	}
	at := d.CreatedAt
	if j.CompletedAt != nil {
		at = *j.CompletedAt
	}
	return json.Marshal(message{Event: d.Event, ID: d.ID, Time: job.FormatTime(at), Job: written})
}
