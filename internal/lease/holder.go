package lease

import (
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// Holder is a worker's side of its lease. All times are of one clock, that of the time
// since boot. It is not safe for concurrent use.
type Holder struct {
	lease    time.Duration
	beat     int64
	next     time.Duration // when a renewal is due
	renewed  bool          // at least once
	sent     time.Duration // when the last good renewal was
	timeline string
	quiet    time.Duration // no claims before, after a failover of the database
	unknown  map[job.Ref]time.Duration
}

// NewHolder begins with a renewal that is due at once. beat is the last one that may be in
// the store. With a lease of 0 nothing is ever given up for the time that has passed.
func NewHolder(lease time.Duration, beat int64) *Holder {
	return &Holder{lease: lease, beat: beat, unknown: map[job.Ref]time.Duration{}}
}

// State is what another Holder of the same worker needs to go on, on the same boot.
type State struct {
	Beat     int64         `json:"beat"`
	Renewed  bool          `json:"renewed,omitempty"`
	Sent     time.Duration `json:"sent,omitempty"`
	Quiet    time.Duration `json:"quiet,omitempty"`
	Timeline string        `json:"timeline,omitempty"`
}

// State tells where the lease stands. Nothing may be sent after it.
func (h *Holder) State() State { return State{h.beat, h.renewed, h.sent, h.quiet, h.timeline} }

// Resume goes on where another Holder was.
func Resume(lease time.Duration, s State) *Holder {
	h := NewHolder(lease, s.Beat)
	h.renewed, h.sent, h.quiet, h.timeline = s.Renewed, s.Sent, s.Quiet, s.Timeline
	return h
}

// Due tells whether it is time for a renewal.
func (h *Holder) Due(now time.Duration) bool { return now >= h.next }

// Hurry makes a renewal due at once: something happened to the machine.
func (h *Holder) Hurry() { h.next = 0 }

// Send gives the beat of a renewal that is sent now. It is a new one whether the last
// answer was lost or not, so that a copy of this worker can't renew as well.
func (h *Holder) Send(now time.Duration) (beat int64) {
	h.beat++
	h.next = now + Every(h.lease)
	return h.beat
}

// Failed has the next renewal come soon: the answer of the last one did not.
func (h *Holder) Failed(now time.Duration) { h.next = now + Retry(h.lease) }

// Renewed takes the answer to the renewal that was sent at that time. moved: the database
// has failed over since the one before, so claims may be gone, see Quiet.
func (h *Holder) Renewed(sent, now time.Duration, timeline string) (moved bool) {
	moved = h.renewed && timeline != h.timeline
	if moved {
		h.quiet = now + h.lease
	}
	h.renewed, h.sent, h.timeline = true, sent, timeline
	return moved
}

// Over tells that every run has to be dead now, since others may soon take this worker for
// lost. It stays so until the next good renewal.
func (h *Holder) Over(now time.Duration) bool {
	return h.lease > 0 && h.renewed && now-h.sent >= h.lease*13/15
}

// Deadline is when whoever watches over this worker has to end its runs, if it hears of no
// later one: a little after Over.
func (h *Holder) Deadline() time.Duration { return h.sent + h.lease*14/15 }

// Quiet tells that the database failed over less than a lease ago. Until then nobody
// claims, and who runs an attempt that the store does not list asserts it.
func (h *Holder) Quiet(now time.Duration) bool { return now < h.quiet }

// MayClaim tells whether the worker may take jobs.
func (h *Holder) MayClaim(now time.Duration) bool {
	return h.lease == 0 || h.renewed && !h.Over(now) && !h.Quiet(now)
}

// Compared is what follows from what the store holds for a worker.
type Compared struct {
	Cancel []job.Ref // their end was asked for
	Lost   []job.Ref // they run here and are not this worker's any more
	Return []job.Ref // the worker will never hear of them: the claim's answer was lost
}

// Compare holds what a renewal's answer lists against the attempts that the worker knows
// of, each with the time at which it heard of them. One that it heard of after the
// renewal was sent may be missing there.
func (h *Holder) Compare(sent, now time.Duration, known map[job.Ref]time.Duration, held []store.Held) Compared {
	var c Compared
	listed := make(map[job.Ref]bool, len(held))
	unknownOnes := map[job.Ref]time.Duration{}
	for _, one := range held {
		listed[one.Ref] = true
		if _, ok := known[one.Ref]; ok {
			if one.Cancel {
				c.Cancel = append(c.Cancel, one.Ref)
			}
			continue
		}
		first, seen := h.unknown[one.Ref]
		if !seen {
			first = now
		}
		unknownOnes[one.Ref] = first
		if now-first >= unknown(h.lease) {
			c.Return = append(c.Return, one.Ref)
		}
	}
	h.unknown = unknownOnes
	for ref, heard := range known {
		if !listed[ref] && heard < sent {
			c.Lost = append(c.Lost, ref)
		}
	}
	return c
}
