package storetest

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// enter writes the row of a worker with a lease.
func (s *suite) enter(id string, state store.WorkerState, lease time.Duration) store.Worker {
	s.t.Helper()
	w := store.Worker{
		ID: id, Host: "h", State: state, Slots: 9, Projects: []string{"proj"}, StartedAt: job.Truncate(s.clock.Now()),
		Lease: lease, BootID: "boot", PIDNamespace: "4026531836",
	}
	require.NoError(s.t, s.SaveWorker(s.ctx(), w))
	return w
}

func (s *suite) row(id string) store.Worker {
	s.t.Helper()
	all, err := s.Workers(s.ctx(), time.Time{})
	require.NoError(s.t, err)
	i := slices.IndexFunc(all, func(w store.Worker) bool { return w.ID == id })
	require.GreaterOrEqual(s.t, i, 0)
	return all[i]
}

func byJob(a, b store.Held) int { return strings.Compare(a.JobID, b.JobID) }

func (s *suite) renew() {
	want := s.enter("w", store.WorkerReady, 15*time.Second)
	s.enter("other", store.WorkerReady, 15*time.Second)
	standing, err := s.Renew(s.ctx(), "w", 1)
	require.NoError(s.t, err)
	require.Empty(s.t, standing.Held)

	_, one := s.running("w", nil)
	_, two := s.running("w", nil)
	s.running("other", nil)
	s.submit(nil)
	_, err = s.Update(s.ctx(), two.JobID, func(j *job.Job) error { j.RequestCancel(s.clock.Now()); return nil })
	require.NoError(s.t, err)
	s.clock.Add(time.Minute)
	again, err := s.Renew(s.ctx(), "w", 7)
	require.NoError(s.t, err)
	slices.SortFunc(again.Held, byJob)
	require.Equal(s.t, []store.Held{{Ref: one}, {Ref: two, Cancel: true}}, again.Held)
	require.Equal(s.t, standing.Timeline, again.Timeline)

	want.Beat, want.SeenAt, want.Running = 7, s.clock.Now(), []string{one.JobID, two.JobID}
	require.Equal(s.t, want, s.row("w"))
	want.State = store.WorkerDraining
	require.NoError(s.t, s.SaveWorker(s.ctx(), want))
	require.Equal(s.t, want, s.row("w"), "what it says of itself leaves its beat alone")
	_, err = s.Renew(s.ctx(), "w", 8)
	require.NoError(s.t, err, "one that drains renews")
}

func (s *suite) renewRefused() {
	s.enter("w", store.WorkerReady, 15*time.Second)
	for _, beat := range []int64{1, 3} { // the answer to 2 may have been lost
		_, err := s.Renew(s.ctx(), "w", beat)
		require.NoError(s.t, err)
	}
	for _, beat := range []int64{3, 2, 0} {
		_, err := s.Renew(s.ctx(), "w", beat)
		require.ErrorIs(s.t, err, store.ErrLost, "a copy of it has been here")
	}
	require.EqualValues(s.t, 3, s.row("w").Beat)
	_, err := s.Renew(s.ctx(), "absent", 1)
	require.ErrorIs(s.t, err, store.ErrLost)

	w := s.enter("stopped", store.WorkerStopped, 15*time.Second)
	_, err = s.Renew(s.ctx(), w.ID, 1)
	require.ErrorIs(s.t, err, store.ErrLost)

	_, err = s.LoseWorker(s.ctx(), "w")
	require.NoError(s.t, err)
	_, err = s.Renew(s.ctx(), "w", 4)
	require.ErrorIs(s.t, err, store.ErrLost)
	s.enter("w", store.WorkerReady, 15*time.Second)
	_, err = s.Renew(s.ctx(), "w", 4)
	require.ErrorIs(s.t, err, store.ErrLost, "saying so does not make it ready again")
	require.Equal(s.t, store.WorkerLost, s.row("w").State)
}

func (s *suite) beats() {
	seen := func() []store.Beat {
		b, err := s.Beats(s.ctx())
		require.NoError(s.t, err)
		slices.SortFunc(b.Workers, func(a, b store.Beat) int { return strings.Compare(a.Worker, b.Worker) })
		return b.Workers
	}
	require.Empty(s.t, seen())
	s.enter("draining", store.WorkerDraining, 90*time.Second)
	s.enter("ready", store.WorkerReady, 0)
	for _, id := range []string{"holds", "idle"} {
		w := s.enter(id, store.WorkerReady, 15*time.Second)
		if id == "holds" {
			_, err := s.Renew(s.ctx(), id, 5)
			require.NoError(s.t, err)
			s.running(id, nil)
			s.running(id, nil)
		}
		w.State = store.WorkerStopped
		require.NoError(s.t, s.SaveWorker(s.ctx(), w))
	}
	s.running("unknown", nil)
	want := []store.Beat{
		{Worker: "draining", Lease: 90 * time.Second}, {Worker: "holds", Beat: 5, Lease: 15 * time.Second}, {Worker: "ready"},
		{Worker: "unknown", Beat: -1, Lease: store.OrphanLease},
	}
	require.Equal(s.t, want, seen())

	for _, b := range []store.Beat{want[1], want[3]} { // somebody answers for their jobs as well
		jobs, reaped, err := s.Reap(s.ctx(), b.Worker, b.Beat)
		require.NoError(s.t, err)
		require.True(s.t, reaped)
		require.NotEmpty(s.t, jobs)
	}
	require.Equal(s.t, []store.Beat{want[0], want[2]}, seen())
	require.Equal(s.t, store.WorkerStopped, s.row("holds").State)
}

func (s *suite) reap() {
	s.enter("w", store.WorkerReady, 15*time.Second)
	run, ref := s.running("w", nil)
	_, err := s.Renew(s.ctx(), "w", 1)
	require.NoError(s.t, err)
	for _, beat := range []int64{0, 2, -1} {
		jobs, reaped, err := s.Reap(s.ctx(), "w", beat)
		require.NoError(s.t, err)
		require.False(s.t, reaped)
		require.Empty(s.t, jobs)
	}
	require.Equal(s.t, run, s.get(run.ID))
	queue, off := s.Subscribe(store.TopicQueue)
	defer off()
	jobs, reaped, err := s.Reap(s.ctx(), "w", 1)
	require.NoError(s.t, err)
	require.True(s.t, reaped)
	require.Len(s.t, jobs, 1)
	require.Equal(s.t, s.get(run.ID), jobs[0])
	require.Equal(s.t, job.Pending, jobs[0].Status)
	require.Equal(s.t, 1, jobs[0].Recoveries)
	s.woken(queue)
	require.Equal(s.t, store.WorkerLost, s.row("w").State)
	_, err = s.GiveBack(s.ctx(), ref)
	require.ErrorIs(s.t, err, job.ErrFenced)
}

// reapRace: of a renewal and a reaper that has seen the beat before it, one wins.
func (s *suite) reapRace() {
	for range 20 {
		id := s.make(nil).ID // one more of its kind
		s.enter(id, store.WorkerReady, 15*time.Second)
		run, _ := s.running(id, nil)
		var wg sync.WaitGroup
		var renewed, rerr error
		var reaped bool
		wg.Go(func() { _, renewed = s.Renew(s.ctx(), id, 1) })
		wg.Go(func() { _, reaped, rerr = s.Reap(s.ctx(), id, 0) })
		wg.Wait()
		require.NoError(s.t, rerr)
		require.Equal(s.t, reaped, errors.Is(renewed, store.ErrLost), "%v", renewed)
		require.Equal(s.t, reaped, s.get(run.ID).Status == job.Pending)
		if reaped { // out of the way of the next claim
			_, err := s.Update(s.ctx(), run.ID, func(j *job.Job) error { j.RequestCancel(s.clock.Now()); return nil })
			require.NoError(s.t, err)
		}
	}
}

func (s *suite) abandon() {
	run, ref := s.running("w", func(j *job.Job) { j.Queue.MaxRecoveries = 1 })
	require.NoError(s.t, s.Advance(s.ctx(), ref, store.Advance{Nodes: []store.NodeAt{{Node: job.Node{Name: "a", Status: "running"}}}}))
	wrong := ref
	wrong.Worker = "other"
	_, err := s.Abandon(s.ctx(), wrong)
	require.ErrorIs(s.t, err, job.ErrFenced)
	queue, off := s.Subscribe(store.TopicQueue)
	defer off()
	got, err := s.Abandon(s.ctx(), ref)
	require.NoError(s.t, err)
	require.Equal(s.t, job.Pending, got.Status)
	require.Equal(s.t, 1, got.Recoveries)
	require.Zero(s.t, got.Tries)
	s.woken(queue)
	_, err = s.Abandon(s.ctx(), ref)
	require.ErrorIs(s.t, err, job.ErrFenced, "once")
	attempts, err := s.Attempts(s.ctx(), run.ID)
	require.NoError(s.t, err)
	require.Equal(s.t, job.AttemptLost, attempts[0].Status)
	nodes, err := s.Nodes(s.ctx(), run.ID, 1)
	require.NoError(s.t, err)
	require.Equal(s.t, "cancelled", nodes[0].Status)

	jobs := s.claim("w", 1)
	require.Len(s.t, jobs, 1)
	got, err = s.Abandon(s.ctx(), refOf(jobs[0]))
	require.NoError(s.t, err)
	require.Equal(s.t, job.WorkerLost, got.Reason, "max_recoveries bounds these too")
}

func (s *suite) assert() {
	j := s.submit(func(j *job.Job) { j.Queue.ConcurrencyKey, j.Queue.ConcurrencyLimit = "k", 1 })
	next := s.submit(func(j *job.Job) { j.Queue.ConcurrencyKey, j.Queue.ConcurrencyLimit = "k", 1 })
	ref := job.Ref{JobID: j.ID, Attempt: 1, Worker: "w"}
	for _, wrong := range []job.Ref{{JobID: j.ID, Attempt: 2, Worker: "w"}, {JobID: j.ID, Attempt: 0, Worker: "w"}} {
		require.ErrorIs(s.t, s.Assert(s.ctx(), wrong), job.ErrFenced)
	}
	require.True(s.t, fault.Is(s.Assert(s.ctx(), job.Ref{JobID: "absent", Attempt: 1, Worker: "w"}), fault.NotFound))
	for range 2 { // its answer may be lost
		require.NoError(s.t, s.Assert(s.ctx(), ref))
	}
	got := s.get(j.ID)
	require.Equal(s.t, job.Running, got.Status)
	require.Equal(s.t, ref, refOf(got))
	require.ErrorIs(s.t, s.Assert(s.ctx(), job.Ref{JobID: j.ID, Attempt: 1, Worker: "other"}), job.ErrFenced)
	require.ErrorIs(s.t, s.Assert(s.ctx(), job.Ref{JobID: j.ID, Attempt: 2, Worker: "other"}), job.ErrFenced)
	require.Empty(s.t, s.claim("w", 5), "it takes up its slot")
	_, err := s.Report(s.ctx(), ref, s.completed(), store.Advance{})
	require.NoError(s.t, err)
	attempts, err := s.Attempts(s.ctx(), j.ID)
	require.NoError(s.t, err)
	require.Len(s.t, attempts, 1)
	require.Equal(s.t, job.Completed, attempts[0].Status)
	jobs := s.claim("w", 5)
	require.Len(s.t, jobs, 1)
	require.Equal(s.t, next.ID, jobs[0].ID)
}
