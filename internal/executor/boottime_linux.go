package executor

import (
	"time"

	"golang.org/x/sys/unix"
)

// boottime is time since boot that counts suspend and knows no steps; Go's own monotonic clock stands still in suspend.
type boottime time.Duration

func readBoottime() boottime {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return 0
	}
	return boottime(ts.Nano())
}

func (b boottime) since(earlier boottime) time.Duration { return time.Duration(b - earlier) }

// sinceBoot is the time as a number that another image of this process understands; fromBoot reads it.
func (b boottime) sinceBoot() time.Duration     { return time.Duration(b) }
func fromBoot(sinceBoot time.Duration) boottime { return boottime(sinceBoot) }
