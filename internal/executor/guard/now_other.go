//go:build !linux

package guard

import (
	"time"

	"golang.org/x/sys/unix"
)

// Now reads the clock of deadlines, CLOCK_MONOTONIC. Where it stands still while the machine sleeps, runs live on for as long after a wake-up.
func Now() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
