package retention

import (
	"time"

	"github.com/kedrod/kedrod/internal/clock"
)

// Bounds within which the wall clock is believed, since what is deleted by it is gone.
const (
	maxStep  = 10 * time.Minute
	maxAway  = 24 * time.Hour // since the folder was last in use, at the start
	restStep = 24 * time.Hour // after a larger step nothing is deleted by age: time to set the clock right
	restAway = time.Hour      // a machine that was away may not have the right time yet
)

// trust remembers how long ages are not believed.
type trust struct {
	steps *clock.Steps
	begun bool
	until time.Duration // by Options.Elapsed
}

// clockTrusted reports whether things are as old as the wall clock says.
func (k *Keeper) clockTrusted() bool {
	now := k.o.Elapsed()
	rest := func(d time.Duration, why string, by time.Duration) {
		k.trust.until = max(k.trust.until, now+d)
		k.o.Log.Warn("the clock is not believed: nothing is deleted by its age for now", "why", why, "by", by.String(), "for", d.String())
	}
	if !k.trust.begun {
		k.trust.begun = true
		if away := k.o.Now().Sub(k.o.LastUse); !k.o.LastUse.IsZero() && (away > maxAway || away < -maxStep) {
			rest(restAway, "it is far from when this data folder was last in use", away.Round(time.Second))
		}
	}
	if by := k.trust.steps.Look(); by.Abs() > maxStep {
		rest(restStep, "it was stepped", by.Round(time.Second))
	}
	return now >= k.trust.until
}
