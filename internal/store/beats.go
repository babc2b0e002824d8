package store

import (
	"errors"
	"time"

	"github.com/kedrod/kedrod/internal/job"
)

// ErrLost refuses a renewal: the worker counts as lost or has ended, or a copy of it (a
// virtual machine restored twice) has renewed before it. Its jobs may be another's by
// now, so it ends its runs at once.
var ErrLost = errors.New("this worker counts as lost: its jobs are not its own any more")

// Standing is what a store holds for a worker at the moment of a renewal.
type Standing struct {
	Held []Held
	// Timeline names the line of the database's history, which a failover to a standby
	// changes: claims that were made shortly before may be gone then. "" where there is
	// no such thing.
	Timeline string
}

// Held is an attempt that counts as its worker's.
type Held struct {
	job.Ref
	Cancel bool // its end was asked for
}

// Beats are all those who may hold jobs, at one moment.
type Beats struct {
	Workers  []Beat
	Timeline string // as in Standing
}

// Beat is where a worker's counter stands. While it moves, the worker holds its jobs.
type Beat struct {
	Worker string
	Beat   int64         // grows with every renewal
	Lease  time.Duration // how long it may stand still; 0: for ever
}

// OrphanLease is the lease of who holds jobs and has no row: longer than any that a
// worker can have.
const OrphanLease = 10 * time.Minute
