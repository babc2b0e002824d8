package storetest

import (
	"errors"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// shadow drives one store and a plain job.Job side by side with the same events; the
// domain, which its own model test upholds, says what the store must hold, and whom it has to tell.
func (s *suite) shadow() {
	rapid.Check(s.t, func(t *rapid.T) {
		want := s.make(func(j *job.Job) {
			j.Project = fmt.Sprintf("p%d", s.n)
			j.Queue.MaxAttempts = rapid.IntRange(1, 3).Draw(t, "max_attempts")
			j.Queue.MaxRecoveries = rapid.IntRange(0, 2).Draw(t, "max_recoveries")
			if rapid.Bool().Draw(t, "callback") {
				calledBack("h")(j)
			}
		})
		_, _, err := s.Submit(s.ctx(), want, nil)
		require.NoError(t, err)
		workers := rapid.SampledFrom([]string{"a", "b"})
		ref := rapid.Custom(func(t *rapid.T) job.Ref {
			return job.Ref{JobID: want.ID, Attempt: rapid.IntRange(max(0, want.Attempt-1), want.Attempt+1).Draw(t, "n"), Worker: workers.Draw(t, "w")}
		})
		same := func(domain, stored error) {
			require.Equal(t, domain == nil, stored == nil, "%v, %v", domain, stored)
			if domain != nil {
				require.ErrorIs(t, stored, domain)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"claim": func(t *rapid.T) {
				w := workers.Draw(t, "w")
				_, err := want.Claim(w, s.clock.Now())
				got, cerr := s.Claim(s.ctx(), store.Claim{Worker: w, Limit: 1, Projects: []string{want.Project}})
				require.NoError(t, cerr)
				require.Len(t, got, map[bool]int{true: 1, false: 0}[err == nil])
			},
			"report": func(t *rapid.T) {
				r := ref.Draw(t, "ref")
				o := rapid.SampledFrom([]job.Outcome{s.completed(), s.failed(job.Killed), s.failed(job.StuckProcess), {Status: job.Cancelled, EndedAt: s.clock.Now()}}).Draw(t, "o")
				_, err := s.Report(s.ctx(), r, o, store.Advance{})
				same(want.Report(r, o, s.clock.Now(), 0), err)
			},
			"lose": func(t *rapid.T) {
				w := workers.Draw(t, "w")
				lost, err := s.LoseWorker(s.ctx(), w)
				require.NoError(t, err)
				found := false
				for _, j := range lost {
					found = found || j.ID == want.ID
				}
				require.Equal(t, want.Lose(w, s.clock.Now()), found)
			},
			"abandon": func(t *rapid.T) {
				r := ref.Draw(t, "ref")
				_, err := s.Abandon(s.ctx(), r)
				same(want.Abandon(r, s.clock.Now()), err)
			},
			"assert": func(t *rapid.T) {
				r := ref.Draw(t, "ref")
				err := s.Assert(s.ctx(), r)
				_, want := want.Assert(r, s.clock.Now())
				same(want, err)
			},
			"give back": func(t *rapid.T) {
				r := ref.Draw(t, "ref")
				_, err := s.GiveBack(s.ctx(), r)
				same(want.GiveBack(r, s.clock.Now()), err)
			},
			"cancel": func(t *rapid.T) {
				_, err := s.Update(s.ctx(), want.ID, func(j *job.Job) error {
					if !j.RequestCancel(s.clock.Now()) {
						return fault.New(fault.Conflict, "")
					}
					return nil
				})
				require.Equal(t, want.RequestCancel(s.clock.Now()), err == nil)
			},
			"": func(t *rapid.T) {
				got, err := s.Get(s.ctx(), want.ID)
				require.NoError(t, err)
				require.Equal(t, want, got)
				told, err := s.Deliveries(s.ctx(), want.ID)
				require.NoError(t, err)
				require.Len(t, told, map[bool]int{true: 1, false: 0}[want.CallbackURL != "" && want.Status.Terminal()], "an end is told once, and nothing else is")
				s.clock.Add(time.Hour)
				if errors.Is(err, job.ErrFenced) {
					t.Fatal("reading is never fenced")
				}
			},
		})
	})
}
