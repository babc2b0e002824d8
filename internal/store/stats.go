package store

import "time"

// Stats counts jobs that were created since a moment.
type Stats struct {
	Since    time.Time // later than what was asked for when there were too many jobs
	Complete bool      // false: only since Since
	Tallies  []Tally
}

// Tally is how many jobs have one pipeline, status and reason.
type Tally struct {
	Pipeline string
	Status   string
	Reason   string // "" for none
	Count    int
}
