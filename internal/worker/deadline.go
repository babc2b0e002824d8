package worker

import (
	"time"

	"github.com/kedrod/kedrod/internal/clock"
)

// deadline is a time limit by the clock that counts suspended time and does not
// step with the wall clock.
type deadline struct {
	limit time.Duration
	from  time.Duration
}

func newDeadline(limit time.Duration) deadline {
	return deadline{limit: limit, from: clock.SinceBoot()}
}

func (d deadline) passed() bool { return d.limit > 0 && clock.SinceBoot()-d.from >= d.limit }
