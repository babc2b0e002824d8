package guard

import (
	"time"

	"golang.org/x/sys/unix"
)

// Now reads the clock of deadlines, CLOCK_BOOTTIME: the time since boot, which no step of the wall clock moves and which goes on in a suspend.
func Now() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return 0 // every Linux since 2.6.39 has it
	}
	return time.Duration(ts.Nano())
}
