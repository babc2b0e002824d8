package clock

import (
	"time"

	"golang.org/x/sys/unix"
)

// SinceBoot reads CLOCK_BOOTTIME, which goes on while the machine is suspended.
func SinceBoot() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0 // can't be: every Linux since 2.6.39 has it
	}
	return time.Duration(ts.Nano())
}
