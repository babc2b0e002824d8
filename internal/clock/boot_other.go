//go:build !linux

package clock

import (
	"time"

	"golang.org/x/sys/unix"
)

// SinceBoot reads the monotonic clock; elsewhere than on Linux it may stand still
// while the machine sleeps, and a time limit is longer by as much.
func SinceBoot() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}
