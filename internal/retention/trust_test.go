package retention_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/retention"
)

// TestAClockThatStepsDeletesNothingYoung: for a day after a step nothing is taken for
// old; a bound of numbers still holds.
func TestAClockThatStepsDeletesNothingYoung(t *testing.T) {
	for name, step := range map[string]time.Duration{"forward a year": 365 * day, "back a year, and right again": -365 * day} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			k := p.keeper(retention.Keep{Jobs: 90 * day, Logs: 30 * day, JobsCount: 3})
			require.NoError(t, k.Sweep(t.Context()))
			var made []string
			for range 3 {
				made = append(made, p.add(job.Completed))
			}
			p.step(step)
			require.NoError(t, k.Sweep(t.Context()))
			if step < 0 {
				p.step(-step)
				require.NoError(t, k.Sweep(t.Context()))
			}
			for range 23 {
				p.now = p.now.Add(time.Hour)
				require.NoError(t, k.Sweep(t.Context()))
				require.ElementsMatch(t, made, p.jobs())
				require.ElementsMatch(t, made, p.folders())
			}
			p.add(job.Completed)
			require.NoError(t, k.Sweep(t.Context()))
			require.Len(t, p.jobs(), 3, "of more jobs than are kept the oldest go, whatever the clock says")
			p.now = p.now.Add(92 * day)
			require.NoError(t, k.Sweep(t.Context()))
			require.Empty(t, p.jobs(), "in the end the clock is believed")
		})
	}
}

// TestSmallStepsAreLetPass: what is deleted is never younger than asked for by more than the
// steps that are let pass.
func TestSmallStepsAreLetPass(t *testing.T) {
	p := newPlace(t)
	k := p.keeper(retention.Keep{Jobs: day})
	id := p.add(job.Completed)
	p.step(10 * time.Minute)
	p.now = p.now.Add(day - 11*time.Minute)
	require.NoError(t, k.Sweep(t.Context()))
	require.Equal(t, []string{id}, p.jobs())
	p.now = p.now.Add(2 * time.Minute)
	require.NoError(t, k.Sweep(t.Context()))
	require.Empty(t, p.jobs())
}

// TestAStartFarFromTheLastUse: a machine may start with any time, until it has asked.
func TestAStartFarFromTheLastUse(t *testing.T) {
	for name, c := range map[string]struct {
		away    time.Duration
		trusted bool
	}{
		"an hour away": {time.Hour, true}, "a week away": {7 * day, false}, "before it": {-time.Hour, false}, "never in use": {0, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.add(job.Completed)
			p.now = p.now.Add(100 * day)
			o := retention.Options{
				Store: p.s, Runs: p.runs, Keep: retention.Keep{Jobs: 90 * day}, Now: func() time.Time { return p.now }, Elapsed: p.elapsed,
				Pause: time.Nanosecond, Log: slog.New(slog.DiscardHandler),
			}
			if c.away != 0 {
				o.LastUse = p.now.Add(-c.away)
			}
			k := retention.New(o)
			require.NoError(t, k.Sweep(t.Context()))
			if !c.trusted {
				require.Len(t, p.jobs(), 1)
				p.now = p.now.Add(59 * time.Minute)
				require.NoError(t, k.Sweep(t.Context()))
				require.Len(t, p.jobs(), 1)
				p.now = p.now.Add(time.Minute)
				require.NoError(t, k.Sweep(t.Context()))
			}
			require.Empty(t, p.jobs())
		})
	}
}
