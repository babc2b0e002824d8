package worker

import (
	"sync/atomic"
	"time"

	"github.com/kedrod/kedrod/internal/clock"
)

// pulse is when a loop last came round, as time since boot; 0 while there is no loop.
type pulse struct{ at atomic.Int64 }

func (p *pulse) beat() { p.at.Store(int64(clock.SinceBoot())) }
func (p *pulse) rest() { p.at.Store(0) }

func (p *pulse) silent() time.Duration {
	if at := p.at.Load(); at != 0 {
		return clock.SinceBoot() - time.Duration(at)
	}
	return 0
}

// Silent is for how long one of the worker's loops has not come round: about a second
// where all is well, whatever the store answers, and more where a call to it hangs. It is
// 0 before and after Run.
func (w *Worker) Silent() time.Duration {
	return max(w.claiming.silent(), w.cancelling.silent(), w.keeping.silent())
}
