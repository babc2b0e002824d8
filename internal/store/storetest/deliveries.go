package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// calledBack gives a change that has a job's end told to a host.
func calledBack(host string) func(*job.Job) {
	return func(j *job.Job) { j.CallbackURL = "http://" + host + "/hook?of=" + j.ID }
}

func (s *suite) cancelNow(id string) {
	s.t.Helper()
	_, err := s.Update(s.ctx(), id, func(j *job.Job) error { j.RequestCancel(s.clock.Now()); return nil })
	require.NoError(s.t, err)
}

func (s *suite) deliveriesOf(id string) []store.Delivery {
	s.t.Helper()
	all, err := s.Deliveries(s.ctx(), id)
	require.NoError(s.t, err)
	return all
}

func (s *suite) take(host string, limit int) []store.Delivery {
	s.t.Helper()
	taken, err := s.TakeDeliveries(s.ctx(), host, time.Minute, limit)
	require.NoError(s.t, err)
	return taken
}

func (s *suite) hosts() []store.DeliveryHost {
	s.t.Helper()
	hosts, err := s.DeliveryHosts(s.ctx())
	require.NoError(s.t, err)
	return hosts
}

// everyEnd: however a job with a callback ends, one delivery is recorded with its end,
// and none before it or without a callback.
func (s *suite) everyEnd() {
	wake, unsubscribe := s.Subscribe(store.TopicDeliveries)
	defer unsubscribe()
	soon := s.clock.Now().Add(time.Hour)
	called := calledBack("h:1")
	ended := map[string]job.Job{}
	run := func(name string, change func(*job.Job), end func(job.Job, job.Ref)) {
		j, ref := s.running("w", func(j *job.Job) {
			called(j)
			if change != nil {
				change(j)
			}
		})
		require.Empty(s.t, s.deliveriesOf(j.ID), name)
		end(j, ref)
		ended[name] = s.get(j.ID)
	}
	report := func(o job.Outcome) func(job.Job, job.Ref) {
		return func(_ job.Job, ref job.Ref) {
			for range 2 { // repeated, it counts once
				_, err := s.Report(s.ctx(), ref, o, store.Advance{})
				require.NoError(s.t, err)
			}
		}
	}
	run("completed", nil, report(s.completed()))
	run("failed", nil, report(s.failed(job.Killed)))
	run("cancelled while it ran", nil, report(job.Outcome{Status: job.Cancelled, EndedAt: s.clock.Now()}))
	run("lost for good", func(j *job.Job) { j.Queue.MaxRecoveries = 0 }, func(job.Job, job.Ref) {
		_, err := s.LoseWorker(s.ctx(), "w")
		require.NoError(s.t, err)
	})
	run("lost, its cancel asked for", nil, func(j job.Job, _ job.Ref) {
		s.cancelNow(j.ID)
		_, err := s.LoseWorker(s.ctx(), "w")
		require.NoError(s.t, err)
	})
	run("given back, its cancel asked for", nil, func(j job.Job, ref job.Ref) {
		s.cancelNow(j.ID)
		_, err := s.GiveBack(s.ctx(), ref)
		require.NoError(s.t, err)
	})
	run("completed by a late report", nil, func(j job.Job, ref job.Ref) {
		_, err := s.LoseWorker(s.ctx(), "w")
		require.NoError(s.t, err)
		require.Empty(s.t, s.deliveriesOf(j.ID))
		report(s.completed())(j, ref)
	})

	pending := s.submit(called)
	s.cancelNow(pending.ID)
	ended["cancelled while pending"] = s.get(pending.ID)
	both := []job.Job{s.make(called), s.make(called)}
	require.NoError(s.t, failure(s.SubmitAll(s.ctx(), both, nil)))
	require.NoError(s.t, s.UpdateAll(s.ctx(), []string{both[0].ID, both[1].ID}, func(j *job.Job) error { j.RequestCancel(s.clock.Now()); return nil }))
	ended["in bulk, one"], ended["in bulk, two"] = s.get(both[0].ID), s.get(both[1].ID)
	for name, project := range map[string]string{"expired, found by a claim": "proj", "expired, found by the sweep": "elsewhere"} {
		j := s.submit(func(j *job.Job) { called(j); j.Queue.ExpiresAt, j.Project = &soon, project })
		ended[name] = j
	}
	s.clock.Add(2 * time.Hour)
	s.claim("w", 10)
	require.NoError(s.t, s.ExpireDue(s.ctx()))
	for _, name := range []string{"expired, found by a claim", "expired, found by the sweep"} {
		require.Equal(s.t, job.Expired, s.get(ended[name].ID).Reason, name)
	}

	for name, j := range ended {
		j = s.get(j.ID)
		require.True(s.t, j.Status.Terminal(), name)
		all := s.deliveriesOf(j.ID)
		require.Len(s.t, all, 1, name)
		require.Equal(s.t, job.EndEvent(j.Status), all[0].Event, name)
		require.Equal(s.t, j.CallbackURL, all[0].URL, name)
	}
	n, err := s.CountDeliveries(s.ctx())
	require.NoError(s.t, err)
	require.Equal(s.t, len(ended), n)
	select {
	case <-wake:
	default:
		require.Fail(s.t, "who sends deliveries is woken")
	}
	plain := s.submit(nil)
	s.cancelNow(plain.ID)
	require.Empty(s.t, s.deliveriesOf(plain.ID), "a job without a callback")
	select {
	case <-wake:
		require.Fail(s.t, "a job without a callback wakes nobody")
	default:
	}
}

// endUndone: where the end is undone, so is its delivery; that is what one transaction
// means.
func (s *suite) endUndone() {
	j := s.submit(calledBack("h:1"))
	refused := errors.New("refused")
	seen := 0
	err := s.UpdateAll(s.ctx(), []string{j.ID, s.submit(nil).ID}, func(other *job.Job) error {
		if seen++; seen == 2 {
			return refused
		}
		other.RequestCancel(s.clock.Now())
		return nil
	})
	require.ErrorIs(s.t, err, refused)
	require.Equal(s.t, job.Pending, s.get(j.ID).Status)
	require.Empty(s.t, s.deliveriesOf(j.ID))
}

// deliver: a delivery is taken by one, comes again when nothing is heard of it, and
// ends once.
func (s *suite) deliver() {
	j := s.submit(calledBack("H.example:8000"))
	require.Empty(s.t, s.hosts())
	s.cancelNow(j.ID)
	born := s.clock.Now()
	require.Equal(s.t, []store.DeliveryHost{{Host: "h.example:8000", NextAt: born}}, s.hosts())
	require.Empty(s.t, s.take("another:80", 9))
	first := s.take("h.example:8000", 9)
	require.Len(s.t, first, 1)
	lease := born.Add(time.Minute)
	want := store.Delivery{
		ID: first[0].ID, JobID: j.ID, Event: "job.cancelled", URL: j.CallbackURL, State: store.DeliveryPending, Attempts: 1, CreatedAt: born, NextAt: &lease,
	}
	require.Equal(s.t, want, first[0])
	require.Equal(s.t, []store.Delivery{want}, s.deliveriesOf(j.ID))
	require.Empty(s.t, s.take("h.example:8000", 9), "taken")

	s.clock.Add(time.Minute)
	second := s.take("h.example:8000", 9)
	require.Len(s.t, second, 1, "nothing was heard of it")
	require.Equal(s.t, 2, second[0].Attempts)
	require.Equal(s.t, first[0].ID, second[0].ID)
	later := s.clock.Now().Add(5 * time.Second)
	require.NoError(s.t, s.SaveDelivery(s.ctx(), store.Attempted{ID: want.ID, Attempt: 1, State: store.DeliveryDelivered}))
	require.Equal(s.t, store.DeliveryPending, s.deliveriesOf(j.ID)[0].State, "the word of an attempt that does not stand")
	require.NoError(s.t, s.SaveDelivery(s.ctx(), store.Attempted{ID: want.ID, Attempt: 2, State: store.DeliveryPending, NextAt: &later, Answer: 500, Error: "500"}))
	got := s.deliveriesOf(j.ID)[0]
	require.Equal(s.t, []any{500, "500", later, 2}, []any{got.Answer, got.Error, *got.NextAt, got.Attempts})
	require.Empty(s.t, s.take("h.example:8000", 9), "not before its time")
	s.clock.Add(5 * time.Second)

	require.Len(s.t, s.take("h.example:8000", 9), 1)
	require.NoError(s.t, s.SaveDelivery(s.ctx(), store.Attempted{ID: want.ID, Attempt: 3, State: store.DeliveryDelivered, Answer: 204}))
	got = s.deliveriesOf(j.ID)[0]
	require.Equal(s.t, []any{store.DeliveryDelivered, 204, "", s.clock.Now()}, []any{got.State, got.Answer, got.Error, *got.EndedAt})
	require.Nil(s.t, got.NextAt)
	require.NoError(s.t, s.SaveDelivery(s.ctx(), store.Attempted{ID: want.ID, Attempt: 3, State: store.DeliveryFailed, Answer: 500}))
	require.Equal(s.t, []store.Delivery{got}, s.deliveriesOf(j.ID), "what has ended stays")
	s.clock.Add(time.Hour)
	require.Empty(s.t, s.hosts())
	require.Empty(s.t, s.take("h.example:8000", 9))
}

// deliveryRace: of many who ask at once, each delivery is given to one.
func (s *suite) deliveryRace() {
	const jobs, takers = 60, 6
	for range jobs {
		s.cancelNow(s.submit(calledBack("h")).ID)
	}
	var mu sync.Mutex
	given := map[string]int{}
	var wg sync.WaitGroup
	errs := make([]error, takers)
	for i := range takers {
		wg.Go(func() {
			for {
				taken, err := s.TakeDeliveries(s.ctx(), "h:80", time.Minute, 3)
				if err != nil || len(taken) == 0 {
					errs[i] = err
					return
				}
				mu.Lock()
				for _, d := range taken {
					given[d.ID]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(s.t, err)
	}
	left := s.take("h:80", jobs) // whose taker went away while another held them
	for _, d := range left {
		given[d.ID]++
	}
	require.Len(s.t, given, jobs)
	for id, n := range given {
		require.Equal(s.t, 1, n, id)
	}
}

// deliveryHosts: each host has its own queue, the first due first.
func (s *suite) deliveryHosts() {
	var ids []string
	for i := range 9 {
		j := s.submit(calledBack(fmt.Sprintf("h%d", i%3)))
		s.cancelNow(j.ID)
		ids = append(ids, j.ID)
	}
	hosts := s.hosts()
	slices.SortFunc(hosts, func(a, b store.DeliveryHost) int { return a.NextAt.Compare(b.NextAt) })
	require.Len(s.t, hosts, 3)
	for i, h := range hosts {
		require.Equal(s.t, fmt.Sprintf("h%d:80", i), h.Host)
		taken := s.take(h.Host, 2)
		var of []string
		for _, d := range taken {
			of = append(of, d.JobID)
		}
		require.ElementsMatch(s.t, []string{ids[i], ids[i+3]}, of)
	}
}

// deliveriesGo: with their job, or some time after their own end.
func (s *suite) deliveriesGo() {
	var jobs []job.Job
	for range 4 {
		j := s.submit(calledBack("h:1"))
		s.cancelNow(j.ID)
		jobs = append(jobs, j)
	}
	n, err := s.DeleteEnded(s.ctx(), []string{jobs[0].ID})
	require.NoError(s.t, err)
	require.Equal(s.t, 1, n)
	require.Empty(s.t, s.deliveriesOf(jobs[0].ID))
	taken := s.take("h:1", 9)
	require.Len(s.t, taken, 3)
	for _, d := range taken {
		if d.JobID != jobs[3].ID {
			require.NoError(s.t, s.SaveDelivery(s.ctx(), store.Attempted{ID: d.ID, Attempt: 1, State: store.DeliveryFailed, Error: "gone"}))
		}
	}
	n, err = s.DeleteDeliveries(s.ctx(), s.clock.Now(), 9)
	require.NoError(s.t, err)
	require.Zero(s.t, n)
	s.clock.Add(time.Second)
	for _, want := range []int{1, 1, 0} {
		n, err = s.DeleteDeliveries(s.ctx(), s.clock.Now(), 1)
		require.NoError(s.t, err)
		require.Equal(s.t, want, n)
	}
	require.Len(s.t, s.deliveriesOf(jobs[3].ID), 1, "one that is pending stays")
	s.get(jobs[1].ID)
}

// brief is the job without what may be large.
func (s *suite) brief() {
	j := s.submit(func(j *job.Job) { calledBack("h")(j); j.Parameters = []byte(`{"a":1}`) })
	got, err := s.Brief(s.ctx(), j.ID)
	require.NoError(s.t, err)
	require.Equal(s.t, `{}`, string(got.Parameters))
	got.Parameters = j.Parameters
	require.Equal(s.t, j, got)
	_, err = s.Brief(s.ctx(), "unknown")
	require.Error(s.t, err)
}

// deliverySteps: what a step of the clock moves is what waits, and nothing else.
func (s *suite) deliverySteps() {
	for _, by := range []time.Duration{48 * time.Hour, -48 * time.Hour} {
		waits, ended := s.submit(calledBack("waits")), s.submit(calledBack("ended"))
		s.cancelNow(ended.ID)
		told := s.take("ended:80", 1)
		require.NoError(s.t, s.SaveDelivery(s.ctx(), store.Attempted{ID: told[0].ID, Attempt: 1, State: store.DeliveryDelivered, Answer: 200}))
		s.cancelNow(waits.ID)
		d := s.take("waits:80", 1)[0]
		at := s.clock.Now().Add(time.Hour)
		require.NoError(s.t, s.SaveDelivery(s.ctx(), store.Attempted{ID: d.ID, Attempt: 1, State: store.DeliveryPending, NextAt: &at, Error: "no"}))
		before := s.deliveriesOf(ended.ID)
		s.clock.Add(by)
		require.NoError(s.t, s.ShiftDeliveries(s.ctx(), by))
		require.Equal(s.t, before, s.deliveriesOf(ended.ID))
		require.Empty(s.t, s.take("waits:80", 1))
		got := s.deliveriesOf(waits.ID)[0]
		require.Equal(s.t, []time.Time{d.CreatedAt.Add(by), at.Add(by)}, []time.Time{got.CreatedAt, *got.NextAt})
		s.clock.Add(time.Hour)
		require.Len(s.t, s.take("waits:80", 1), 1)
		require.NoError(s.t, s.SaveDelivery(s.ctx(), store.Attempted{ID: d.ID, Attempt: 2, State: store.DeliveryDelivered, Answer: 200}))
	}
}
