// Package lease decides who holds a job, by two clocks that are never compared: a worker
// that could not renew its lease gives its runs up (Holder), and others take it for lost
// only after that (Watch).
//
// Both count the time since boot, which does not step. What makes it safe: a Holder counts
// from the moment it sent its last good renewal, a Watch from a later one, at which it
// has itself seen that renewal's beat, and waits longer. The package does no I/O and
// reads no clock.
package lease

import "time"

// Default is the lease of a worker unless it is set otherwise.
const Default = 15 * time.Second

// relaxed paces a worker that has no lease, since nobody else can take its jobs.
const relaxed = 5 * Default

// Every is how often a worker with this lease renews it; 0: it has none.
func Every(lease time.Duration) time.Duration { return paced(lease) / 5 }

// Try is how long one renewal may take.
func Try(lease time.Duration) time.Duration { return paced(lease) * 2 / 15 }

// Retry is the pause after a renewal that failed, at most a second.
func Retry(lease time.Duration) time.Duration { return min(paced(lease)/30, time.Second) }

// Answer is how long after it was sent a claim's answer may be used, and shorter than
// what it takes to give back a job that the worker does not know.
func Answer(lease time.Duration) time.Duration { return paced(lease) / 5 }

// unknown is how long a worker waits for the answer that tells of an attempt which the
// store counts as its own.
func unknown(lease time.Duration) time.Duration { return paced(lease) / 3 }

// gap is the longest time between two reads that still count as one view of the beats.
func gap(lease time.Duration) time.Duration { return lease / 5 }

func paced(lease time.Duration) time.Duration {
	if lease == 0 {
		return relaxed
	}
	return lease
}
