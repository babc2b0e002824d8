package reaper_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/lease"
	"github.com/kedrod/kedrod/internal/reaper"
	"github.com/kedrod/kedrod/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a store of beats, with the faults that a test gives it.
type fake struct {
	mu      sync.Mutex
	beats   map[string]int64
	lease   time.Duration
	reads   func() error
	reaps   func() error
	reaped  map[string]time.Time
	refused int
}

func newFake() *fake {
	return &fake{
		beats: map[string]int64{}, lease: lease.Default, reaped: map[string]time.Time{},
		reads: func() error { return nil }, reaps: func() error { return nil },
	}
}

func (f *fake) Beats(context.Context) (b store.Beats, err error) {
	if err := f.reads(); err != nil {
		return b, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, beat := range f.beats {
		b.Workers = append(b.Workers, store.Beat{Worker: id, Beat: beat, Lease: f.lease})
	}
	return b, nil
}

func (f *fake) Reap(_ context.Context, worker string, beat int64) ([]job.Job, bool, error) {
	if err := f.reaps(); err != nil {
		return nil, false, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if at, ok := f.beats[worker]; !ok || at != beat {
		f.refused++
		return nil, false, nil
	}
	delete(f.beats, worker)
	f.reaped[worker] = time.Now()
	return []job.Job{{ID: "j"}}, true, nil
}

func (f *fake) renew(worker string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.beats[worker]++
}

// run has reapers watch the store until the test's function returns.
func run(t *testing.T, f *fake, reapers int, boot func() time.Duration, during func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range reapers {
		wg.Go(func() {
			require.NoError(t, reaper.New(reaper.Options{Store: f, Boot: boot, Log: slog.New(slog.DiscardHandler)}).Run(ctx))
		})
	}
	during()
	cancel()
	wg.Wait()
}

// boot is a clock that is off by a factor.
func boot(factor float64) func() time.Duration {
	start := time.Now()
	return func() time.Duration { return time.Hour + time.Duration(float64(time.Since(start))*factor) }
}

func TestWhoIsSilentIsLostAfterItsLease(t *testing.T) {
	for _, length := range []time.Duration{3 * time.Second, 15 * time.Second, time.Minute} {
		for _, reapers := range []int{1, 5} {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.lease = length
				begun := time.Now()
				run(t, f, reapers, boot(1), func() {
					for range 40 {
						f.renew("up")
						pass(length / 5)
						if time.Since(begun) < 2*length {
							f.renew("silent")
						}
					}
				})
				require.Len(t, f.reaped, 1)
				took := f.reaped["silent"].Sub(begun.Add(2 * length))
				require.GreaterOrEqual(t, took, length-length/5)
				require.LessOrEqual(t, took, length+2*time.Second)
			})
		}
	}
}

// TestClocksThatRunFastOrSlow: a tenth is far more than any has.
func TestClocksThatRunFastOrSlow(t *testing.T) {
	for _, factor := range []float64{0.9, 1.1} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			begun := time.Now()
			f.renew("silent")
			run(t, f, 2, boot(factor), func() { pass(time.Minute) })
			require.InDelta(t, 16/factor, f.reaped["silent"].Sub(begun).Seconds(), 1.2)
		})
	}
}

// TestAReadThatFailsStartsTheCountAgain: perhaps nobody could renew meanwhile.
func TestAReadThatFailsStartsTheCountAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		begun := time.Now()
		f.renew("silent")
		f.reads = func() error {
			if d := time.Since(begun); d >= 10*time.Second && d < 11*time.Second {
				return errors.New("the database is away")
			}
			return nil
		}
		run(t, f, 1, boot(1), func() { pass(time.Minute) })
		require.InDelta(t, 26, f.reaped["silent"].Sub(begun).Seconds(), 0.5)
	})
}

// TestADatabaseThatIsAwayCostsNobodyItsJobs: after it every worker gets its time to renew.
func TestADatabaseThatIsAwayCostsNobodyItsJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		away := func() bool { s := time.Now().Second(); return s >= 10 && s < 45 }
		f.reads = func() error {
			if away() {
				return errors.New("the database is away")
			}
			return nil
		}
		run(t, f, 3, boot(1), func() {
			for range 100 {
				if !away() {
					f.renew("up")
				}
				pass(3 * time.Second)
			}
		})
		require.Empty(t, f.reaped)
	})
}

// TestAReaperThatWasStoppedTrustsNothingItSawBefore: its clock went on, it did not; and
// what it read last it may get to judge only then.
func TestAReaperThatWasStoppedTrustsNothingItSawBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		begun := time.Now()
		var mu sync.Mutex
		var stopped time.Duration
		steady := boot(1)
		f.renew("w")
		f.reads = func() error {
			mu.Lock()
			defer mu.Unlock()
			if stopped == 0 && time.Since(begun) >= 10*time.Second {
				stopped = time.Minute
			}
			return nil
		}
		run(t, f, 1, func() time.Duration { mu.Lock(); defer mu.Unlock(); return steady() + stopped }, func() { pass(20 * time.Second) })
		require.Empty(t, f.reaped)
	})
}

// TestWhoRenewsInTheLastMomentIsNotReaped: between the last read and the reaping.
func TestWhoRenewsInTheLastMomentIsNotReaped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.renew("w")
		f.reaps = func() error { f.renew("w"); return nil }
		run(t, f, 2, boot(1), func() { pass(time.Minute) })
		require.Empty(t, f.reaped)
		require.GreaterOrEqual(t, f.refused, 2)
		require.LessOrEqual(t, f.refused, 8, "each counts again from its own renewal")
	})
}

// TestReapingIsTriedAgain also while a try hangs, which is bounded.
func TestReapingIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		begun := time.Now()
		f.renew("w")
		failures := 0
		f.reaps = func() error {
			if failures++; failures <= 2 {
				return errors.New("lock timeout")
			}
			return nil
		}
		run(t, f, 1, boot(1), func() { pass(time.Minute) })
		require.InDelta(t, 18, f.reaped["w"].Sub(begun).Seconds(), 1)
	})
}

// pass waits in the bubble's time.
func pass(d time.Duration) { <-time.After(d) }
