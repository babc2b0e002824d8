package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// raceLimits are few slots for many claimers.
func raceLimits() store.Limits {
	l := store.Limits{Projects: map[string]int{"other": 3}, Pipelines: map[store.PipelineOf]int{}}
	for i := range 3 {
		l.Pipelines[store.PipelineOf{Project: "proj", Pipeline: fmt.Sprint("p", i)}] = i + 1
	}
	return l
}

// holds counts, for each scope, the jobs between the answer to their claim and the
// beginning of their report. That is less than they really hold, so more than a limit's
// number is always wrong.
type holds struct {
	mu    sync.Mutex
	slots map[string]int // of each limited scope
	now   map[string]int
	held  map[string]bool // jobs
	wrong map[string]bool
}

func newHolds(l store.Limits) *holds {
	h := &holds{slots: map[string]int{}, now: map[string]int{}, held: map[string]bool{}, wrong: map[string]bool{}}
	for p, n := range l.Projects {
		h.slots[store.ScopeOfProject(p)] = n
	}
	for p, n := range l.Pipelines {
		h.slots[store.ScopeOfPipeline(p)] = n
	}
	return h
}

func scopesOf(j *job.Job) []string {
	scopes := []string{store.ScopeOfProject(j.Project), store.ScopeOfPipeline(store.PipelineOf{Project: j.Project, Pipeline: j.Pipeline})}
	if j.Queue.ConcurrencyKey != "" {
		scopes = append(scopes, store.ScopeOfKey(j.Queue.ConcurrencyKey))
	}
	return scopes
}

// slotsFor is the limit of a scope for a job of it; 0 is none.
func (h *holds) slotsFor(scope string, j *job.Job) int {
	if j.Queue.ConcurrencyKey != "" && scope == store.ScopeOfKey(j.Queue.ConcurrencyKey) {
		return j.Queue.ConcurrencyLimit
	}
	return h.slots[scope]
}

func (h *holds) begin(j *job.Job) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.held[j.ID] {
		h.wrong[j.ID+" was claimed while it ran"] = true
	}
	h.held[j.ID] = true
	for _, scope := range scopesOf(j) {
		h.now[scope]++
		if n := h.slotsFor(scope, j); n > 0 && h.now[scope] > n {
			h.wrong[fmt.Sprintf("%d run in %s, which has %d slots", h.now[scope], scope, n)] = true
		}
	}
}

func (h *holds) end(j *job.Job) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.held, j.ID)
	for _, scope := range scopesOf(j) {
		h.now[scope]--
	}
}

// look judges what the rows say at one moment.
func (h *holds) look(running []job.Job) {
	now := map[string]int{}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range running {
		for _, scope := range scopesOf(&running[i]) {
			now[scope]++
		}
	}
	for i := range running {
		for _, scope := range scopesOf(&running[i]) {
			if n := h.slotsFor(scope, &running[i]); n > 0 && now[scope] > n {
				h.wrong[fmt.Sprintf("%d rows run in %s, which has %d slots", now[scope], scope, n)] = true
			}
		}
	}
}

// claimsRace: many workers claim and report at once, with jobs coming, cancelled and
// given back meanwhile. No scope is ever over its limit, no job runs twice at a time, and
// every job ends.
func (s *suite) claimsRace() {
	const jobs, workers = 120, 8
	l := raceLimits()
	h := newHolds(l)
	var ended atomic.Int64
	var errs sync.Map
	fail := func(err error) bool {
		if err != nil && s.ctx().Err() == nil {
			errs.Store(err.Error(), true)
		}
		return err != nil
	}
	var all []job.Job
	for i := range jobs {
		all = append(all, s.make(func(j *job.Job) {
			j.Pipeline = fmt.Sprint("p", i%4)
			if i%5 == 0 {
				j.Project = "other"
			}
			if i%4 == 0 {
				j.Queue.ConcurrencyKey, j.Queue.ConcurrencyLimit = fmt.Sprint("k", i%3), 1+i%3 // each key has one limit
			}
		}))
	}
	stop := make(chan struct{})
	var watching, working sync.WaitGroup
	watching.Go(func() {
		again := time.NewTicker(time.Millisecond) // the rest of the machine works, too
		defer again.Stop()
		for {
			running, err := s.Held(s.ctx())
			if fail(err) {
				return
			}
			h.look(running)
			select {
			case <-stop:
				return
			case <-again.C:
			}
		}
	})
	working.Go(func() {
		for i := range all {
			if _, _, err := s.Submit(s.ctx(), all[i], nil); fail(err) {
				return
			}
			if i%16 == 15 { // one before it may be anywhere
				_, err := s.Update(s.ctx(), all[i-12].ID, func(j *job.Job) error {
					if j.Status != job.Pending {
						return errNotPending
					}
					j.RequestCancel(s.clock.Now())
					return nil
				})
				if err == nil {
					ended.Add(1)
				} else if !errors.Is(err, errNotPending) {
					fail(err)
				}
			}
		}
	})
	deadline := time.Now().Add(time.Minute)
	for w := range workers {
		name := fmt.Sprint("w", w)
		working.Go(func() {
			wake, off := s.Subscribe(store.TopicQueue)
			defer off()
			anyway := time.NewTicker(20 * time.Millisecond)
			defer anyway.Stop()
			for round := w; ended.Load() < jobs && time.Now().Before(deadline); round++ {
				got, err := s.Claim(s.ctx(), store.Claim{Worker: name, Limit: 1 + w%4, Projects: []string{"proj", "other"}, Limits: l})
				if fail(err) {
					return
				}
				for i := range got {
					h.begin(&got[i])
				}
				if len(got) == 0 {
					select {
					case <-wake:
					case <-anyway.C:
					}
				}
				for i := range got {
					h.end(&got[i])
					if (round+i)%7 == 0 {
						_, err = s.GiveBack(s.ctx(), refOf(got[i]))
					} else if _, err = s.Report(s.ctx(), refOf(got[i]), s.completed(), store.Advance{}); err == nil {
						ended.Add(1)
					}
					if fail(err) {
						return
					}
				}
			}
		})
	}
	working.Wait()
	close(stop)
	watching.Wait()
	errs.Range(func(err, _ any) bool { require.Fail(s.t, "a call failed", err); return true })
	require.Empty(s.t, h.wrong)
	require.EqualValues(s.t, jobs, ended.Load(), "every job ends")
	for i := range all {
		j := s.get(all[i].ID)
		require.True(s.t, j.Status.Terminal())
		attempts, err := s.Attempts(s.ctx(), j.ID)
		require.NoError(s.t, err)
		require.Len(s.t, attempts, j.Attempt)
		for n, a := range attempts {
			require.Equal(s.t, n+1, a.Number)
			require.NotEqual(s.t, job.Running, a.Status)
		}
	}
}

var errNotPending = fault.New(fault.Conflict, "not pending")

// followRace: who follows all events while many write is given each of them once and in
// order, from wherever it began.
func (s *suite) followRace() {
	const writers, each = 8, 15
	var all [][]job.Job
	for range writers {
		var jobs []job.Job
		for range each {
			jobs = append(jobs, s.make(nil))
		}
		all = append(all, jobs)
	}
	var writing, following sync.WaitGroup
	var failed atomic.Value
	written := make(chan struct{})
	for _, jobs := range all {
		writing.Go(func() {
			for i := range jobs {
				if _, _, err := s.Submit(s.ctx(), jobs[i], nil); err != nil {
					failed.Store(err)
				}
				if i%3 == 0 {
					_, err := s.Update(s.ctx(), jobs[i].ID, func(j *job.Job) error { j.RequestCancel(s.clock.Now()); return nil })
					if err != nil {
						failed.Store(err)
					}
				}
			}
		})
	}
	type follower struct {
		from int64
		seen []int64
	}
	followers := make([]follower, 4)
	for n := range followers {
		f := &followers[n]
		following.Go(func() {
			if n > 0 { // it comes while they write
				var err error
				if f.from, err = s.LastEvent(s.ctx()); err != nil {
					failed.Store(err)
					return
				}
			}
			for after, last := f.from, false; ; {
				events, err := s.Events(s.ctx(), "", after, 10)
				if err != nil {
					failed.Store(err)
					return
				}
				for _, e := range events {
					f.seen = append(f.seen, e.Seq)
					after = e.Seq
				}
				if last && len(events) == 0 {
					return
				}
				select {
				case <-written:
					last = true
				default:
				}
			}
		})
	}
	writing.Wait()
	close(written)
	following.Wait()
	require.Nil(s.t, failed.Load())
	events, err := s.Events(s.ctx(), "", 0, 10_000)
	require.NoError(s.t, err)
	require.GreaterOrEqual(s.t, len(events), writers*each)
	for _, f := range followers {
		var want []int64
		for _, e := range events {
			if e.Seq > f.from {
				want = append(want, e.Seq)
			}
		}
		missed := slices.DeleteFunc(slices.Clone(want), func(seq int64) bool { return slices.Contains(f.seen, seq) })
		require.Empty(s.t, missed, "events that a follower from %d on missed", f.from)
		require.True(s.t, slices.Equal(want, f.seen), "each is given once and in order: %v", f.seen)
	}
}
