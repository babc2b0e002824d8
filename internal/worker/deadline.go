package worker

import "time"

// deadline is a time limit by the clock that counts suspended time and does not
// step with the wall clock.
type deadline struct {
	limit time.Duration
	from  time.Duration
}

func newDeadline(limit time.Duration) deadline { return deadline{limit: limit, from: sinceBoot()} }

func (d deadline) passed() bool { return d.limit > 0 && sinceBoot()-d.from >= d.limit }
