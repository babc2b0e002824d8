package clock_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/clock"
)

func TestSteps(t *testing.T) {
	wall, boot := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 5*time.Minute
	pass := func(d time.Duration) { wall, boot = wall.Add(d), boot+d }
	s := clock.NewSteps(func() time.Time { return wall }, func() time.Duration { return boot })
	pass(10 * time.Hour)
	require.Zero(t, s.Look(), "time passes, suspended or not")
	for _, by := range []time.Duration{time.Hour, -time.Hour, -48 * time.Hour, clock.Step} {
		wall = wall.Add(by)
		require.Equal(t, by, s.Look())
		require.Zero(t, s.Look(), "each step is told once")
		pass(time.Second)
		require.Zero(t, s.Look())
	}
	for range 1000 {
		pass(time.Second)
		wall = wall.Add(clock.Step - time.Nanosecond)
		require.Zero(t, s.Look(), "a clock that is slewed does not step")
	}
}

func TestSinceBootGoesOn(t *testing.T) {
	first := clock.SinceBoot()
	require.Positive(t, first)
	require.Eventually(t, func() bool { return clock.SinceBoot() > first }, 5*time.Second, time.Millisecond)
}
