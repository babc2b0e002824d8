package lease

import (
	"time"

	"github.com/kedrod/kedrod/internal/store"
)

// Watch is the side of those who wait for a worker to be lost: one view of all beats, by
// the own clock of the time since boot. It is not safe for concurrent use.
type Watch struct {
	last     time.Duration // when the last good read was answered
	timeline string
	seen     map[string]sighting
	shortest time.Duration // of the leases in the last read; 0: none
}

// sighting is an unbroken time in which a beat did not move.
type sighting struct {
	beat  int64
	since time.Duration
}

// NewWatch has seen nothing.
func NewWatch() *Watch { return &Watch{} }

// Missed forgets all that was seen: a read failed, so perhaps no worker could renew.
func (w *Watch) Missed() { w.seen = nil }

// Read takes one good read of the beats, with the times at which it was begun and
// answered. It gives those that were seen to stand still for their whole lease, in reads
// that are never further apart than a fifth of it and of one history of the database.
func (w *Watch) Read(begun, answered time.Duration, b store.Beats) (lost []store.Beat) {
	apart := answered - w.last
	if b.Timeline != w.timeline {
		w.Missed()
	}
	seen := make(map[string]sighting, len(b.Workers))
	w.shortest = 0
	for _, at := range b.Workers {
		if at.Lease > 0 && (w.shortest == 0 || at.Lease < w.shortest) {
			w.shortest = at.Lease
		}
		s, ok := w.seen[at.Worker]
		if !ok || s.beat != at.Beat || apart > gap(at.Lease) {
			s = sighting{at.Beat, answered}
		}
		seen[at.Worker] = s
		if at.Lease > 0 && begun-s.since >= at.Lease {
			lost = append(lost, at)
		}
	}
	w.last, w.timeline, w.seen = answered, b.Timeline, seen
	return lost
}

// Every is how often the beats are to be read: each second, and more often where a lease
// is shorter than usual.
func (w *Watch) Every() time.Duration {
	if w.shortest == 0 {
		return time.Second
	}
	return min(time.Second, w.shortest/15)
}
