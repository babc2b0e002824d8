//go:build !linux

package executor

import (
	"time"
)

// boottime is the wall clock with Go's monotonic reading: suspend is not counted here.
type boottime time.Time

func readBoottime() boottime { return boottime(time.Now()) }

func (b boottime) since(earlier boottime) time.Duration { return time.Time(b).Sub(time.Time(earlier)) }
