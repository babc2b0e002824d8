package notify

import (
	"math"
	"time"
)

// When an attempt is repeated.
const (
	firstRetry = 5 * time.Second
	growth     = 3              // times longer with each attempt
	longest    = time.Hour      // and what a receiver's Retry-After is heeded up to
	window     = 24 * time.Hour // after the job's end no further attempt is planned
)

// delay is the wait after so many attempts: 5 s, then three times longer each up to an
// hour, more or less by a fifth as jitter in [0, 1) says. What the receiver asks for
// makes it longer, never shorter.
func delay(attempts int, after time.Duration, jitter float64) time.Duration {
	d := firstRetry
	if attempts > 1 {
		seconds := math.Min(firstRetry.Seconds()*math.Pow(growth, float64(min(attempts, 30)-1)), longest.Seconds())
		d = time.Duration(seconds * (0.8 + 0.4*jitter) * float64(time.Second))
	}
	return max(d, min(after, longest))
}
