package worker_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/clock"
	"github.com/kedrod/kedrod/internal/executor"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/sqlite"
)

// leased is a store behind a connection that a test breaks, and whose worker's clock it
// moves.
type leased struct {
	*sqlite.Store
	t      *testing.T
	ahead  atomic.Int64 // of the worker's clock of the time since boot
	sent   atomic.Int32 // renewals
	good   atomic.Int32 // renewals that were answered
	claims atomic.Int32
	cancel bool // cancels come by other ways than renewals too

	mu       sync.Mutex
	away     bool // nothing gets through
	claim    func([]job.Job) ([]job.Job, error)
	standing func(*store.Standing)
	assert   func(job.Ref) error
	reports  []job.Outcome
	ticks    []time.Duration
}

func (s *leased) set(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fn()
}

func (s *leased) gone() (err error) {
	s.set(func() {
		if s.away {
			err = errAway
		}
	})
	return err
}

func (s *leased) boot() time.Duration { return clock.SinceBoot() + time.Duration(s.ahead.Load()) }

func (s *leased) Renew(ctx context.Context, w string, beat int64) (store.Standing, error) {
	defer s.sent.Add(1)
	if err := s.gone(); err != nil {
		return store.Standing{}, err
	}
	standing, err := s.Store.Renew(ctx, w, beat)
	if err == nil {
		s.set(func() { s.standing(&standing) })
		s.good.Add(1)
	}
	return standing, err
}

func (s *leased) Claim(ctx context.Context, c store.Claim) ([]job.Job, error) {
	if err := s.gone(); err != nil {
		return nil, err
	}
	s.claims.Add(1)
	jobs, err := s.Store.Claim(ctx, c)
	if err != nil || len(jobs) == 0 {
		return jobs, err
	}
	s.mu.Lock()
	fn := s.claim
	s.mu.Unlock()
	return fn(jobs)
}

func (s *leased) Report(ctx context.Context, ref job.Ref, o job.Outcome, last store.Advance) (job.Job, error) {
	if err := s.gone(); err != nil {
		return job.Job{}, err
	}
	s.set(func() { s.reports = append(s.reports, o) })
	return s.Store.Report(ctx, ref, o, last)
}

func (s *leased) Abandon(ctx context.Context, ref job.Ref) (job.Job, error) {
	if err := s.gone(); err != nil {
		return job.Job{}, err
	}
	return s.Store.Abandon(ctx, ref)
}

func (s *leased) Advance(context.Context, job.Ref, store.Advance) error { return nil } // fences nothing

func (s *leased) Cancelling(ctx context.Context, w string) ([]job.Ref, error) {
	if !s.cancel {
		return nil, nil
	}
	return s.Store.Cancelling(ctx, w)
}

func (s *leased) Assert(_ context.Context, ref job.Ref) error { return s.assert(ref) }

// lease is that of these tests: so long that only a moved clock ends it.
const lease = 150 * time.Second

func newLeased(t *testing.T) (*rig, *leased) {
	t.Helper()
	r := newRig(t)
	s := &leased{
		Store: r.db, t: t, claim: func(j []job.Job) ([]job.Job, error) { return j, nil },
		standing: func(*store.Standing) {}, assert: func(job.Ref) error { return errors.New("not expected") },
	}
	r.store, r.opts.Boot, r.opts.Lease = s, s.boot, lease
	r.opts.Tick = func(d time.Duration) { s.set(func() { s.ticks = append(s.ticks, d) }) }
	return r, s
}

// pass moves the worker's clock, and returns after a renewal that was sent since then.
func (s *leased) pass(d time.Duration) {
	s.t.Helper()
	was := s.good.Load()
	s.ahead.Add(int64(d))
	require.Eventually(s.t, func() bool { return s.good.Load() > was }, 30*time.Second, time.Millisecond, "no renewal")
}

func TestAClaimWhoseAnswerWasLostIsGivenBack(t *testing.T) {
	r, s := newLeased(t)
	var lost atomic.Bool
	s.claim = func(jobs []job.Job) ([]job.Job, error) {
		if !lost.Swap(true) {
			return nil, errAway
		}
		return jobs, nil
	}
	r.start()
	j := r.submit("ok", nil)
	require.Eventually(t, lost.Load, 30*time.Second, time.Millisecond)
	s.pass(lease / 5)
	require.Equal(t, job.Running, r.get(j.ID).Status, "its answer may be on the way")
	s.pass(lease / 5)
	s.pass(lease / 5)
	got := r.ended(j.ID)
	require.Equal(t, job.Completed, got.Status)
	require.Equal(t, 2, got.Attempt)
	require.Zero(t, got.Tries+got.Recoveries)
}

// TestAnAnswerThatComesTooLateStartsNothing: its job may be given back by then.
func TestAnAnswerThatComesTooLateStartsNothing(t *testing.T) {
	r, s := newLeased(t)
	var late atomic.Bool
	s.claim = func(jobs []job.Job) ([]job.Job, error) {
		if !late.Swap(true) {
			s.ahead.Add(int64(lease/5 + time.Millisecond))
		}
		return jobs, nil
	}
	r.start()
	j := r.submit("ok", nil)
	require.Eventually(t, late.Load, 30*time.Second, time.Millisecond)
	for range 3 {
		s.pass(lease / 5)
	}
	require.Equal(t, 2, r.ended(j.ID).Attempt)
	require.NoDirExists(t, r.runs.Attempt(j.ID, 1).Path)
}

func TestARunThatTheStoreDoesNotListIsKilled(t *testing.T) {
	r, s := newLeased(t)
	r.opts.Grace = executor.Grace{Int: time.Hour, Term: time.Hour}
	r.start()
	j := r.submit("stubborn", func(j *job.Job) { j.Queue.MaxRecoveries = 0 })
	r.begun(j.ID, 1)
	s.pass(lease / 5)
	require.NotEmpty(t, r.alive(), "it is listed")
	_, err := r.db.Abandon(t.Context(), job.Ref{JobID: j.ID, Attempt: 1, Worker: r.opts.Self.ID})
	require.NoError(t, err)
	s.pass(lease / 5)
	require.Eventually(t, func() bool { return len(r.alive()) == 0 }, 30*time.Second, 10*time.Millisecond)
	require.Equal(t, job.WorkerLost, r.get(j.ID).Reason)
	require.Empty(t, s.reports)
}

func TestACancelComesWithARenewal(t *testing.T) {
	r, s := newLeased(t)
	r.start()
	j := r.submit("stubborn", nil)
	r.begun(j.ID, 1)
	_, err := r.db.Update(t.Context(), j.ID, func(j *job.Job) error { j.RequestCancel(time.Now()); return nil })
	require.NoError(t, err)
	s.pass(lease / 5)
	require.Equal(t, job.Cancelled, r.ended(j.ID).Status)
	require.Empty(t, r.alive())
}

// TestAnOutageShorterThanTheLeaseEndsNoRun: and what ended meanwhile is reported after it.
func TestAnOutageShorterThanTheLeaseEndsNoRun(t *testing.T) {
	r, s := newLeased(t)
	r.start()
	long, short := r.submit("sleep", nil), r.submit("gate", nil)
	r.begun(long.ID, 1)
	r.begun(short.ID, 1)
	s.pass(lease / 5)
	s.set(func() { s.away = true })
	s.ahead.Add(int64(lease*13/15 - 20*time.Second))
	r.open(short.ID)
	require.Eventually(t, func() bool {
		_, ok, err := r.runs.Attempt(short.ID, 1).ReadOutcome()
		return err == nil && ok
	}, 30*time.Second, time.Millisecond)
	failed := s.sent.Load()
	require.Eventually(t, func() bool { return s.sent.Load() > failed }, 30*time.Second, time.Millisecond, "it goes on trying")
	s.set(func() { s.away = false })
	s.pass(0)
	require.Equal(t, job.Completed, r.ended(short.ID).Status)
	require.Equal(t, 1, r.get(short.ID).Attempt)
	require.Equal(t, job.Running, r.get(long.ID).Status)
	require.NotEmpty(t, r.alive())
}

// TestNoRunOutlivesTheLease: not even one that is being ended with a grace. What had ended
// is reported when the store is back; what was killed is a recovery, and nobody's fault.
func TestNoRunOutlivesTheLease(t *testing.T) {
	r, s := newLeased(t)
	r.opts.Grace, r.opts.Self.Slots = executor.Grace{Int: time.Hour, Term: time.Hour}, 3
	s.cancel = true
	w, _ := r.start()
	t.Cleanup(w.Kill)
	killed, cancelled, over := r.submit("stubborn", nil), r.submit("stubborn", nil), r.submit("gate", nil)
	for _, j := range []job.Job{killed, cancelled, over} {
		r.begun(j.ID, 1)
	}
	s.pass(lease / 5)
	_, err := r.db.Update(t.Context(), cancelled.ID, func(j *job.Job) error { j.RequestCancel(time.Now()); return nil })
	require.NoError(t, err)
	s.set(func() { s.away = true })
	r.open(over.ID)
	require.Eventually(t, func() bool {
		_, ok, err := r.runs.Attempt(over.ID, 1).ReadOutcome()
		return err == nil && ok
	}, 30*time.Second, time.Millisecond)
	require.NotEmpty(t, r.alive())
	s.ahead.Add(int64(lease * 13 / 15))
	require.Eventually(t, func() bool { return len(r.alive()) == 0 }, 30*time.Second, 10*time.Millisecond, "it outlives the lease")
	r.submit("ok", nil)
	claims := s.claims.Load()
	s.set(func() { require.Empty(t, s.reports); s.away = false })
	s.pass(0)
	require.Equal(t, job.Completed, r.ended(over.ID).Status)
	require.Equal(t, job.Cancelled, r.ended(cancelled.ID).Status)
	require.Eventually(t, func() bool { return r.get(killed.ID).Attempt == 2 }, 30*time.Second, time.Millisecond)
	got := r.get(killed.ID)
	require.Equal(t, 1, got.Recoveries)
	require.Zero(t, got.Tries)
	attempts, err := r.db.Attempts(t.Context(), killed.ID)
	require.NoError(t, err)
	require.Equal(t, job.AttemptLost, attempts[0].Status)
	require.Greater(t, s.claims.Load(), claims)
}

// TestNothingIsClaimedOnceTheLeaseIsOver though the store would give it.
func TestNothingIsClaimedOnceTheLeaseIsOver(t *testing.T) {
	r, s := newLeased(t)
	r.start()
	s.pass(lease / 5)
	s.set(func() { s.away = true })
	s.ahead.Add(int64(lease * 13 / 15))
	was := s.sent.Load()
	require.Eventually(t, func() bool { return s.sent.Load() > was+1 }, 30*time.Second, time.Millisecond)
	claims := s.claims.Load()
	j := r.submit("ok", nil)
	was = s.sent.Load()
	require.Eventually(t, func() bool { return s.sent.Load() > was+1 }, 30*time.Second, time.Millisecond)
	require.Equal(t, claims, s.claims.Load())
	s.set(func() { s.away = false })
	require.Equal(t, job.Completed, r.ended(j.ID).Status)
}

// TestWhoIsRefusedKillsItsRunsAndEnds: others have its jobs. It reports none of them.
func TestWhoIsRefusedKillsItsRunsAndEnds(t *testing.T) {
	r, s := newLeased(t)
	r.opts.Grace, r.opts.Drain = executor.Grace{Int: time.Hour, Term: time.Hour}, time.Hour
	_, done, _ := r.run()
	j := r.submit("stubborn", nil)
	r.begun(j.ID, 1)
	lost, err := r.db.LoseWorker(t.Context(), r.opts.Self.ID)
	require.NoError(t, err)
	require.Len(t, lost, 1)
	s.ahead.Add(int64(lease / 5))
	select {
	case err := <-done:
		require.ErrorIs(t, err, store.ErrLost)
	case <-time.After(30 * time.Second):
		require.FailNow(t, "it goes on")
	}
	require.Empty(t, r.alive())
	require.Empty(t, s.reports)
	require.Equal(t, lost[0].Recoveries, r.get(j.ID).Recoveries, "it says nothing of them")
	all, err := r.db.Workers(t.Context(), time.Time{})
	require.NoError(t, err)
	require.Equal(t, store.WorkerLost, all[0].State)
}

// TestTwoAttemptsOfAJobNeverRunAtOnce: a worker that was taken for lost, and does not know
// it yet, may be given the same job again.
func TestTwoAttemptsOfAJobNeverRunAtOnce(t *testing.T) {
	r, _ := newLeased(t)
	w, _ := r.start()
	t.Cleanup(w.Kill)
	j := r.submit("stubborn", nil)
	r.begun(j.ID, 1)
	first := r.alive()
	_, err := r.db.Abandon(t.Context(), job.Ref{JobID: j.ID, Attempt: 1, Worker: r.opts.Self.ID})
	require.NoError(t, err)
	r.begun(j.ID, 2)
	now := r.alive()
	for _, pid := range first {
		require.NotContains(t, now, pid)
	}
}

// TestAStepOfTheWallClockIsFollowedByARenewal: perhaps a machine was put back.
func TestAStepOfTheWallClockIsFollowedByARenewal(t *testing.T) {
	r, s := newLeased(t)
	var stepped atomic.Int64
	r.opts.Wall = func() time.Time { return time.Now().Add(time.Duration(stepped.Load())) }
	r.start()
	s.pass(lease / 5)
	was := s.good.Load()
	stepped.Store(int64(-time.Hour))
	require.Eventually(t, func() bool { return s.good.Load() > was }, 20*time.Second, time.Millisecond)
}

// TestAFailoverThatLostClaims: their runs take their jobs back, unless another was first;
// nobody claims for a lease.
func TestAFailoverThatLostClaims(t *testing.T) {
	r, s := newLeased(t)
	r.opts.Self.Slots = 3 // what is taken is given back by another claim here
	r.start()
	kept, taken := r.submit("stubborn", nil), r.submit("stubborn", nil)
	r.begun(kept.ID, 1)
	r.begun(taken.ID, 1)
	s.pass(lease / 5)
	var asserted atomic.Int32
	s.assert = func(ref job.Ref) error {
		require.Equal(t, r.opts.Self.ID, ref.Worker)
		if ref.JobID == taken.ID {
			return job.ErrFenced
		}
		if asserted.Add(1) == 1 {
			return errAway
		}
		return nil
	}
	s.set(func() { s.standing = func(st *store.Standing) { st.Timeline, st.Held = "2", nil } })
	s.pass(lease / 5)
	last := r.submit("ok", nil)
	s.pass(lease / 5)
	s.pass(lease / 5)
	require.Eventually(t, func() bool { return len(r.aliveOf(taken.ID)) == 0 }, 30*time.Second, 10*time.Millisecond)
	require.NotEmpty(t, r.aliveOf(kept.ID))
	require.GreaterOrEqual(t, asserted.Load(), int32(2))
	require.Equal(t, job.Pending, r.get(last.ID).Status)
	s.set(func() {
		s.standing = func(st *store.Standing) { st.Timeline = "2" }
	})
	for range 7 {
		s.pass(lease / 5)
	}
	require.Equal(t, job.Completed, r.ended(last.ID).Status)
	require.NotEmpty(t, r.aliveOf(kept.ID))
}

// TestEachRenewalTicks with a deadline that counts from its sending.
func TestEachRenewalTicks(t *testing.T) {
	r, s := newLeased(t)
	before := s.boot()
	r.start()
	s.pass(0) // the first
	s.pass(lease / 5)
	s.pass(lease / 5)
	require.Eventually(t, func() (enough bool) { s.set(func() { enough = len(s.ticks) >= 3 }); return enough }, 30*time.Second, time.Millisecond)
	s.set(func() {
		for i, d := range s.ticks {
			require.GreaterOrEqual(t, d, before+time.Duration(i)*lease/5+lease*14/15-time.Minute)
			require.LessOrEqual(t, d, s.boot()+lease*14/15)
			if i > 0 {
				require.Greater(t, d, s.ticks[i-1])
			}
		}
	})
}

// TestTheLeaseIsHandedOver: the next worker of the same id renews where this one was.
func TestTheLeaseIsHandedOver(t *testing.T) {
	r, s := newLeased(t)
	sh := newShift(t, r)
	s.pass(lease / 5)
	j := r.submit("sleep", nil)
	r.begun(j.ID, 1)
	for range 3 {
		sh.over()
		s.pass(lease / 5)
	}
	require.Equal(t, job.Running, r.get(j.ID).Status)
	require.NotEmpty(t, r.alive())
}
