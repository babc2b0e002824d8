package auth

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limiter bounds how often each key may call. It holds a few words for each key that
// called, and never more than maxLimited keys: beyond that the fullest buckets are
// forgotten, which is what they would come to anyway.
type Limiter struct {
	perSecond rate.Limit
	burst     int
	mu        sync.Mutex
	buckets   map[string]*rate.Limiter // by key id
}

const maxLimited = 20000

// NewLimiter allows so many calls a second, and burst at once. perSecond 0 allows
// everything.
func NewLimiter(perSecond float64, burst int) *Limiter {
	return &Limiter{perSecond: rate.Limit(perSecond), burst: max(burst, 1), buckets: map[string]*rate.Limiter{}}
}

// Allow takes one call from the key's bucket. When it is empty, wait says when there
// will be one again: at least a second, in whole ones.
// now must be as time.Now gives it: its monotonic reading is what counts, so that a clock
// that is set back locks nobody out.
func (l *Limiter) Allow(id string, now time.Time) (wait time.Duration, ok bool) {
	if l == nil || l.perSecond <= 0 {
		return 0, true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.buckets[id]
	if b == nil {
		if len(l.buckets) >= maxLimited {
			l.forget(now)
		}
		b = rate.NewLimiter(l.perSecond, l.burst)
		l.buckets[id] = b
	}
	if b.AllowN(now, 1) {
		return 0, true
	}
	missing := 1 - b.TokensAt(now)
	return time.Duration(math.Max(1, math.Ceil(missing/float64(l.perSecond)))) * time.Second, false
}

// forget drops the full buckets; where none is full, all of them: memory is bounded
// before rates are.
func (l *Limiter) forget(now time.Time) {
	for id, b := range l.buckets {
		if b.TokensAt(now) >= float64(l.burst) {
			delete(l.buckets, id)
		}
	}
	if len(l.buckets) >= maxLimited {
		clear(l.buckets)
	}
}
