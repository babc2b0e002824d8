package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// clockSteps: run_at and expires_at are moments, so a step brings them nearer or
// further; a job whose time had come waits again, and holds nobody up.
func (s *suite) clockSteps() {
	at, until := s.clock.Now().Add(30*time.Minute), s.clock.Now().Add(90*time.Minute)
	late := s.submit(func(j *job.Job) { j.Queue.RunAt = &at })
	dated := s.submit(func(j *job.Job) { j.Queue.ExpiresAt, j.Project = &until, "idle" })
	s.clock.Add(time.Hour)
	require.NoError(s.t, s.ExpireDue(s.ctx()))
	require.Equal(s.t, job.Pending, s.get(dated.ID).Status)
	// Its time has come, as somebody else's claim has seen, and has not any more.
	require.Empty(s.t, s.claimIn("other"))
	s.clock.Add(-time.Hour)
	next := s.submit(nil)
	got := s.claim("w", 2)
	require.Len(s.t, got, 1)
	require.Equal(s.t, next.ID, got[0].ID)
	require.Equal(s.t, job.Pending, s.get(late.ID).Status)
	wake, err := s.NextReady(s.ctx())
	require.NoError(s.t, err)
	require.Equal(s.t, at, *wake)
	s.clock.Add(time.Hour)
	require.Len(s.t, s.claim("w", 2), 1)
	s.clock.Add(time.Hour)
	require.NoError(s.t, s.ExpireDue(s.ctx()))
	require.Equal(s.t, job.Expired, s.get(dated.ID).Reason)
	s.clock.Add(-2 * time.Hour)
	require.Equal(s.t, job.Failed, s.get(dated.ID).Status, "what ended stays as it ended")
}

func (s *suite) claimIn(project string) []job.Job {
	jobs, err := s.Claim(s.ctx(), store.Claim{Worker: "w", Limit: 9, Projects: []string{project}})
	require.NoError(s.t, err)
	return jobs
}

// clockStepInBackoff: five seconds are five seconds, in whichever hour.
func (s *suite) clockStepInBackoff() {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		soon := s.clock.Now().Add(time.Minute)
		timed := s.submit(func(j *job.Job) { j.Queue.RunAt = &soon })
		plain, ref := s.running("w", func(j *job.Job) { j.Queue.MaxAttempts = 2 })
		_, err := s.Report(s.ctx(), ref, s.failed(job.PipelineError), store.Advance{})
		require.NoError(s.t, err)
		before := s.get(plain.ID)
		s.clock.Add(by)
		require.NoError(s.t, s.ShiftTries(s.ctx(), by))
		require.Equal(s.t, before.NextTryAt.Add(by), *s.get(plain.ID).NextTryAt)
		require.Equal(s.t, soon, *s.get(timed.ID).Queue.RunAt, "a moment that somebody chose stays")
		if by < 0 {
			require.Empty(s.t, s.claim("w", 9))
		} else {
			require.Equal(s.t, timed.ID, s.claim("w", 9)[0].ID)
		}
		s.clock.Add(4 * time.Second)
		require.Empty(s.t, s.claim("w", 9), "the back-off is no shorter")
		s.clock.Add(2 * time.Second)
		got := s.claim("w", 9)
		require.Len(s.t, got, 1, "and no longer")
		require.Equal(s.t, plain.ID, got[0].ID)
		s.clock.Add(3 * time.Hour)
		s.claim("w", 9)
	}
}

// clockStepsWhileRunning: no claim is lost for a step, reports count, and what passed
// is told as the worker measured it.
func (s *suite) clockStepsWhileRunning() {
	until := s.clock.Now().Add(time.Minute)
	for _, by := range []time.Duration{time.Hour, -2 * time.Hour} {
		run, ref := s.running("w", func(j *job.Job) { j.Queue.ExpiresAt = nil })
		if by > 0 {
			run, ref = s.running("w", func(j *job.Job) { j.Queue.ExpiresAt = &until })
		}
		s.clock.Add(by)
		require.NoError(s.t, s.ExpireDue(s.ctx()))
		require.NoError(s.t, s.ShiftTries(s.ctx(), by))
		require.Empty(s.t, s.claim("w2", 9), "nobody else gets it")
		held, err := s.Held(s.ctx())
		require.NoError(s.t, err)
		require.True(s.t, slices.ContainsFunc(held, func(j job.Job) bool { return j.ID == run.ID }))
		workers, err := s.Workers(s.ctx(), s.clock.Now())
		require.NoError(s.t, err)
		require.NotContains(s.t, fmt.Sprint(workers), string(store.WorkerLost))
		o := s.completed()
		got, err := s.Report(s.ctx(), ref, o, store.Advance{})
		require.NoError(s.t, err)
		require.Equal(s.t, job.Completed, got.Status)
		require.InDelta(s.t, o.ExecutionTime, *got.ExecutionTime, 0)
	}
}

// clockStepsBetweenPages: who pages through the list meets every job that was there
// once, though others are made in between, later or earlier by the clock.
func (s *suite) clockStepsBetweenPages() {
	var want []string
	for i := range 20 {
		if i%5 == 4 {
			s.clock.Add(time.Duration(1-i%2*2) * time.Hour)
		}
		want = append(want, s.submit(nil).ID)
	}
	var got []string
	f := store.Filter{Limit: 3}
	for step := time.Hour; ; step = -step {
		p, err := s.List(s.ctx(), f)
		require.NoError(s.t, err)
		for _, j := range p.Jobs {
			if slices.Contains(want, j.ID) {
				got = append(got, j.ID)
			}
		}
		if f.Cursor = p.Next; p.Next == "" {
			break
		}
		s.clock.Add(step)
		s.submit(nil)
	}
	require.Len(s.t, got, len(want))
	require.ElementsMatch(s.t, want, got)
}
