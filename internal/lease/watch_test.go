package lease_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/lease"
	"github.com/kedrod/kedrod/internal/store"
)

const second = time.Second

func at(beat int64) store.Beats {
	return store.Beats{Workers: []store.Beat{{Worker: "w", Beat: beat, Lease: lease.Default}}, Timeline: "1"}
}

// reads takes n good reads a second apart from the time on, none of which may find
// anybody lost, and gives the time after them.
func reads(t *testing.T, w *lease.Watch, from time.Duration, n int, b store.Beats) time.Duration {
	t.Helper()
	for range n {
		require.Empty(t, w.Read(from, from, b))
		from += second
	}
	return from
}

func TestALostWorkerIsOneThatWasSeenToStandStill(t *testing.T) {
	w := lease.NewWatch()
	now := reads(t, w, 100*second, 15, at(7))
	require.Equal(t, at(7).Workers, w.Read(now, now, at(7)))
	require.Equal(t, at(7).Workers, w.Read(now+second, now+second, at(7)), "and again until it is reaped")
	require.Empty(t, w.Read(now+2*second, now+2*second, at(8)), "it has moved")
	reads(t, w, now+3*second, 14, at(8))
}

func TestWhatBreaksAView(t *testing.T) {
	for name, breaks := range map[string]func(w *lease.Watch, now time.Duration) time.Duration{
		"a failed read": func(w *lease.Watch, now time.Duration) time.Duration { w.Missed(); return now },
		"a gap":         func(_ *lease.Watch, now time.Duration) time.Duration { return now + 2*second + 1 },
		"a reaper that was stopped within a read": func(w *lease.Watch, now time.Duration) time.Duration {
			require.Empty(t, w.Read(now, now+time.Minute, at(7)))
			return now + time.Minute
		},
		"a reaper that was stopped between reads": func(_ *lease.Watch, now time.Duration) time.Duration { return now + time.Hour },
		"a beat": func(w *lease.Watch, now time.Duration) time.Duration {
			require.Empty(t, w.Read(now, now, at(8)))
			return now + second
		},
		"a failover": func(w *lease.Watch, now time.Duration) time.Duration {
			b := at(7)
			b.Timeline = "2"
			require.Empty(t, w.Read(now, now, b))
			return now + second
		},
		"an answer without the worker": func(w *lease.Watch, now time.Duration) time.Duration {
			require.Empty(t, w.Read(now, now, store.Beats{Timeline: "1"}))
			return now + second
		},
	} {
		w := lease.NewWatch()
		now := breaks(w, reads(t, w, 100*second, 15, at(7)))
		now = reads(t, w, now, 15, at(7))
		require.NotEmpty(t, w.Read(now, now, at(7)), name)
	}
}

func TestSlowReadsCountFromTheirLaterEnd(t *testing.T) {
	w := lease.NewWatch()
	now := 100 * second
	require.Empty(t, w.Read(now, now+2*second, at(7)))
	for now += 3 * second; now < 117*second; now += second {
		require.Empty(t, w.Read(now, now+second, at(7)), "%v", now)
	}
	require.NotEmpty(t, w.Read(now, now, at(7)))
}

// TestEachWorkerHasItsOwnLease: who has a long one may also be seen less often.
func TestEachWorkerHasItsOwnLease(t *testing.T) {
	b := store.Beats{Workers: []store.Beat{{Worker: "long", Lease: time.Minute}, {Worker: "never"}, {Worker: "short", Lease: 5 * second}}}
	w := lease.NewWatch()
	require.Equal(t, second, w.Every())
	found := map[string]time.Duration{}
	for now := time.Duration(0); now <= 2*time.Minute; now += w.Every() {
		for _, lost := range w.Read(now, now, b) {
			if found[lost.Worker] == 0 {
				found[lost.Worker] = now
			}
		}
	}
	require.Equal(t, second/3, w.Every())
	require.Len(t, found, 2)
	require.InDelta(t, 5, found["short"].Seconds(), 0.5)
	require.InDelta(t, 60, found["long"].Seconds(), 0.5)
	clear(found)
	w = lease.NewWatch()
	for now := time.Duration(0); now <= 2*time.Minute; now += 10 * second {
		for _, lost := range w.Read(now, now, b) {
			found[lost.Worker] = now
		}
	}
	require.Len(t, found, 1, "the short one is never seen without a gap")
	require.Equal(t, 2*time.Minute, found["long"])
}
