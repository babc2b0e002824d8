package storetest

import (
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

func (s *suite) claimOrder() {
	first := s.submit(nil)
	second := s.submit(nil)
	urgent := s.submit(func(j *job.Job) { j.Queue.Priority = 1 })
	low := s.submit(func(j *job.Job) { j.Queue.Priority = -1 })
	s.clock.Add(time.Hour)
	afterHead := s.submit(nil) // an hour is more than the head start of low
	var got []string
	for range 3 {
		for _, j := range s.claim("w", 2) {
			got = append(got, j.ID)
			require.Equal(s.t, job.Running, j.Status)
			require.Equal(s.t, 1, j.Attempt)
			require.Equal(s.t, "w", j.Worker)
			require.Equal(s.t, j, s.get(j.ID))
		}
	}
	require.Equal(s.t, []string{urgent.ID, first.ID, second.ID, low.ID, afterHead.ID}, got)
	require.Empty(s.t, s.claim("w", 10))
}

func (s *suite) waitsForTime() {
	at := s.clock.Now().Add(time.Minute)
	next, err := s.NextReady(s.ctx())
	require.NoError(s.t, err)
	require.Nil(s.t, next)
	// A head start in the queue is none before its time.
	late := s.submit(func(j *job.Job) { j.Queue.RunAt, j.Queue.Priority = &at, 1000 })
	require.Empty(s.t, s.claim("w", 10))
	next, err = s.NextReady(s.ctx())
	require.NoError(s.t, err)
	require.Equal(s.t, at, *next)
	s.clock.Add(time.Minute)
	jobs := s.claim("w", 10)
	require.Len(s.t, jobs, 1)
	require.Equal(s.t, late.ID, jobs[0].ID)
	next, err = s.NextReady(s.ctx())
	require.NoError(s.t, err)
	require.Nil(s.t, next)
}

func (s *suite) clockBack() {
	j := s.submit(nil)
	s.clock.Add(-time.Hour)
	jobs := s.claim("w", 1)
	require.Len(s.t, jobs, 1)
	require.Equal(s.t, j.ID, jobs[0].ID)
}

func (s *suite) claimFilter() {
	s.submit(func(j *job.Job) { j.Project = "other" })
	for range 5 {
		s.submit(nil)
	}
	require.Len(s.t, s.claim("w", 3), 3)
	require.Len(s.t, s.claim("w", 3), 2)
	require.Empty(s.t, s.claim("w", 3))
	both, err := s.Claim(s.ctx(), store.Claim{Worker: "w", Limit: 9, Projects: []string{"proj", "other"}})
	require.NoError(s.t, err)
	require.Len(s.t, both, 1)
	pending, running, err := s.Count(s.ctx())
	require.NoError(s.t, err)
	require.Equal(s.t, []int{0, 6}, []int{pending, running})
}

func (s *suite) claimRace() {
	const jobs, workers = 60, 8
	for range jobs {
		s.submit(nil)
	}
	var mu sync.Mutex
	seen := map[string]int{}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for {
				got, err := s.Claim(s.ctx(), store.Claim{Worker: string(rune('a' + w)), Limit: 1 + w%3, Projects: []string{"proj"}})
				if err != nil || len(got) == 0 {
					return
				}
				mu.Lock()
				for _, j := range got {
					seen[j.ID]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	require.Len(s.t, seen, jobs)
	for id, n := range seen {
		require.Equal(s.t, 1, n, id)
	}
}

func (s *suite) expiry() {
	soon := s.clock.Now().Add(time.Minute)
	expiring := func(j *job.Job) { j.Queue.ExpiresAt = &soon }
	byClaim, bySweep := s.submit(expiring), s.submit(func(j *job.Job) { expiring(j); j.Project = "elsewhere" })
	runs, _ := s.running("w", nil)
	_ = byClaim
	got := s.get(byClaim.ID)
	require.Equal(s.t, job.Running, got.Status, "what was claimed in time runs on")
	waiting := s.submit(expiring)
	s.clock.Add(2 * time.Minute)
	require.Empty(s.t, s.claim("w", 10))
	require.Equal(s.t, job.Expired, s.get(waiting.ID).Reason)
	require.Equal(s.t, job.Pending, s.get(bySweep.ID).Status)
	require.NoError(s.t, s.ExpireDue(s.ctx()))
	got = s.get(bySweep.ID)
	require.Equal(s.t, job.Failed, got.Status)
	require.Equal(s.t, job.Expired, got.Reason)
	require.NotNil(s.t, got.ErrorMessage)
	require.Equal(s.t, job.Running, s.get(runs.ID).Status)
	require.NoError(s.t, s.ExpireDue(s.ctx()))
}

func (s *suite) cancel() {
	ask := func(id string) job.Job {
		j, err := s.Update(s.ctx(), id, func(j *job.Job) error { j.RequestCancel(s.clock.Now()); return nil })
		require.NoError(s.t, err)
		return j
	}
	waiting := s.submit(nil)
	require.Equal(s.t, job.Cancelled, ask(waiting.ID).Status)
	require.Empty(s.t, s.claim("w", 10))

	run, ref := s.running("w", nil)
	got := ask(run.ID)
	require.Equal(s.t, job.Running, got.Status)
	require.NotNil(s.t, got.CancelRequestedAt)
	refs, err := s.Cancelling(s.ctx(), "w")
	require.NoError(s.t, err)
	require.Equal(s.t, []job.Ref{ref}, refs)
	refs, err = s.Cancelling(s.ctx(), "another")
	require.NoError(s.t, err)
	require.Empty(s.t, refs)
	_, err = s.Report(s.ctx(), ref, job.Outcome{Status: job.Cancelled, EndedAt: s.clock.Now()}, store.Advance{})
	require.NoError(s.t, err)
	require.Equal(s.t, job.Cancelled, s.get(run.ID).Status)
	refs, err = s.Cancelling(s.ctx(), "w")
	require.NoError(s.t, err)
	require.Empty(s.t, refs)
}
