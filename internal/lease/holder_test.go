package lease_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/lease"
	"github.com/kedrod/kedrod/internal/store"
)

func TestAWorkerHoldsItsRunsForThirteenSecondsAfterItSent(t *testing.T) {
	h := lease.NewHolder(lease.Default, 0)
	require.False(t, h.MayClaim(0), "nobody has heard of it")
	require.False(t, h.Over(time.Hour), "and nothing runs")
	require.True(t, h.Due(0))
	sent := time.Hour
	require.EqualValues(t, 1, h.Send(sent))
	require.False(t, h.Due(sent+3*second-1))
	require.True(t, h.Due(sent+3*second))
	require.False(t, h.Renewed(sent, sent+2*second, "1"))
	require.Equal(t, sent+14*second, h.Deadline(), "from its sending, however slow the answer was")
	require.True(t, h.MayClaim(sent+13*second-1))
	require.False(t, h.Over(sent+13*second-1))
	require.True(t, h.Over(sent+13*second))
	require.False(t, h.MayClaim(sent+13*second))

	require.EqualValues(t, 2, h.Send(sent+3*second))
	h.Failed(sent + 4*second)
	require.False(t, h.Due(sent+4*second))
	require.True(t, h.Due(sent+4*second+second/2))
	require.EqualValues(t, 3, h.Send(sent+5*second), "the answer to 2 may have been lost")
	require.True(t, h.Over(sent+13*second))
	h.Renewed(sent+5*second, sent+20*second, "1")
	require.True(t, h.Over(sent+20*second), "an answer that late helps nothing")
	h.Send(sent + 21*second)
	h.Renewed(sent+21*second, sent+21*second, "1")
	require.True(t, h.MayClaim(sent+21*second), "it is back")
	h.Hurry()
	require.True(t, h.Due(sent+21*second))
}

func TestNothingIsGivenUpWithoutALease(t *testing.T) {
	h := lease.NewHolder(0, 0)
	require.True(t, h.MayClaim(0))
	h.Send(0)
	h.Renewed(0, 0, "")
	require.False(t, h.Over(1000*time.Hour))
	require.True(t, h.MayClaim(1000*time.Hour))
	require.False(t, h.Due(15*second-1))
	require.True(t, h.Due(15*second))
}

func TestAFailoverIsQuietForALease(t *testing.T) {
	h := lease.NewHolder(lease.Default, 0)
	h.Send(0)
	require.False(t, h.Renewed(0, 0, "1"), "the first is no failover")
	require.False(t, h.Quiet(0))
	h.Send(3 * second)
	require.True(t, h.Renewed(3*second, 4*second, "2"))
	h.Send(18 * second)
	require.False(t, h.Renewed(18*second, 18*second, "2"))
	require.True(t, h.Quiet(19*second-1))
	require.False(t, h.MayClaim(19*second-1))
	require.True(t, h.MayClaim(19*second))
}

func TestCompare(t *testing.T) {
	ref := func(id string) job.Ref { return job.Ref{JobID: id, Attempt: 1, Worker: "w"} }
	known := map[job.Ref]time.Duration{ref("runs"): 90 * second, ref("cancelled"): 90 * second, ref("gone"): 90 * second, ref("fresh"): 100 * second}
	held := []store.Held{{Ref: ref("runs")}, {Ref: ref("cancelled"), Cancel: true}, {Ref: ref("unheard"), Cancel: true}}
	h := lease.NewHolder(lease.Default, 0)
	got := h.Compare(100*second, 100*second, known, held)
	require.Equal(t, lease.Compared{Cancel: []job.Ref{ref("cancelled")}, Lost: []job.Ref{ref("gone")}}, got,
		"what was claimed while the renewal was sent may be missing in its answer")
	require.Empty(t, h.Compare(104*second, 105*second-1, known, held).Return)
	require.Equal(t, []job.Ref{ref("unheard")}, h.Compare(105*second, 105*second, known, held).Return)
	require.Equal(t, []job.Ref{ref("unheard")}, h.Compare(106*second, 106*second, known, held).Return, "until the store has it")
	h.Compare(107*second, 107*second, known, nil)
	require.Empty(t, h.Compare(120*second, 120*second, known, held).Return, "it counts anew")
	other := job.Ref{JobID: "runs", Attempt: 2, Worker: "w"}
	require.Contains(t, h.Compare(121*second, 121*second, known, []store.Held{{Ref: other}}).Lost, ref("runs"), "another attempt is not this one")
}

// TestAnAnswerIsUsedOnlyBeforeItsJobIsGivenBack: whatever the lease, both can't happen to
// one claim.
func TestAnAnswerIsUsedOnlyBeforeItsJobIsGivenBack(t *testing.T) {
	for _, length := range []time.Duration{0, 5 * second, lease.Default, 90 * second} {
		h := lease.NewHolder(length, 0)
		held := []store.Held{{Ref: job.Ref{JobID: "j", Attempt: 1, Worker: "w"}}}
		for now := time.Duration(0); now <= lease.Answer(length); now += time.Millisecond {
			require.Empty(t, h.Compare(now, now, nil, held).Return)
		}
	}
}

// TestNobodyIsReapedBeforeItsRunsAreDead is what the lease is for: whatever the delays, lost
// messages and clocks that are off by up to a twentieth, a watch finds a worker lost only
// once it knows itself that its runs have to be dead.
func TestNobodyIsReapedBeforeItsRunsAreDead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		length := time.Duration(rapid.IntRange(3000, 90000).Draw(t, "lease_ms")) * time.Millisecond
		drift := rapid.Float64Range(0.95, 1.05)
		fast, slow := drift.Draw(t, "worker's clock"), drift.Draw(t, "reaper's clock")
		worker := func(now time.Duration) time.Duration { return time.Duration(float64(now) * fast) }
		reaper := func(now time.Duration) time.Duration { return time.Duration(float64(now)*slow) + 1000*time.Hour }
		share := func(name string, most float64) time.Duration {
			return time.Duration(rapid.Float64Range(0, most).Draw(t, name) * float64(length))
		}
		h, w := lease.NewHolder(length, 0), lease.NewWatch()
		var stored int64
		for now := time.Duration(0); now < 20*length; {
			switch rapid.SampledFrom([]string{"renew", "read", "read", "read", "read", "read", "missed", "pass"}).Draw(t, "what") {
			case "renew":
				sent, beat := now, h.Send(worker(now))
				now += share("there", 0.1)
				if rapid.Bool().Draw(t, "arrives") {
					stored = beat
					now += share("back", 0.1)
					if rapid.Bool().Draw(t, "answered") {
						h.Renewed(worker(sent), worker(now), "")
					}
				}
			case "read":
				begun := now
				now += share("there", 0.05)
				b := store.Beats{Workers: []store.Beat{{Worker: "w", Beat: stored, Lease: length}}}
				now += share("back", 0.05)
				if stored > 0 && len(w.Read(reaper(begun), reaper(now), b)) > 0 {
					require.True(t, h.Over(worker(now)), "its runs may live")
					return
				}
			case "missed":
				w.Missed()
			default:
				now += share("pause", 0.15)
			}
			if h.Over(worker(now)) {
				require.False(t, h.MayClaim(worker(now)))
			}
		}
	})
}
