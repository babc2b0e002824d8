//go:build !linux

package executor

import (
	"time"
)

// boottime is the wall clock with Go's monotonic reading: suspend is not counted here.
type boottime time.Time

func readBoottime() boottime { return boottime(time.Now()) }

func (b boottime) since(earlier boottime) time.Duration { return time.Time(b).Sub(time.Time(earlier)) }

// sinceBoot is the time as a number: that of the wall clock here.
func (b boottime) sinceBoot() time.Duration { return time.Duration(time.Time(b).UnixNano()) }

func fromBoot(sinceBoot time.Duration) boottime { return boottime(time.Unix(0, int64(sinceBoot))) }
