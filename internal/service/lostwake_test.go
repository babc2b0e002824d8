package service

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
)

// quiet is a store that changes and wakes nobody, as when a notification was lost.
type quiet struct {
	*table
	job job.Job
}

func (q *quiet) Get(context.Context, string) (job.Job, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.job, nil
}

func (q *quiet) change(fn func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	fn()
}

// TestALostWakeUp: who waits for a change sees it all the same, a little later.
func TestALostWakeUp(t *testing.T) {
	for name, wait := range map[string]func(*testing.T, *Service, *quiet){
		"events": func(t *testing.T, s *Service, _ *quiet) {
			t.Helper()
			e, err := s.follow(t.Context(), Anonymous(), "", 0)
			require.NoError(t, err)
			defer e.Close()
			events, err := e.Next(t.Context())
			require.NoError(t, err)
			require.Len(t, events, 1)
		},
		"the first attempt": func(t *testing.T, s *Service, _ *quiet) {
			t.Helper()
			n, err := s.firstAttempt(t.Context(), "a")
			require.NoError(t, err)
			require.Equal(t, 1, n)
		},
		"the end of an attempt": func(t *testing.T, _ *Service, q *quiet) {
			t.Helper()
			e := endings{store: q, open: map[attemptKey]*ending{}}
			key := attemptKey{"a", 1}
			w := e.join(t.Context(), key, t.TempDir(), nil)
			defer e.leave(key, w)
			<-w.over
			require.NoError(t, w.err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := &quiet{table: newTable(), job: job.Job{ID: "a", Status: job.Pending}}
				if name == "the end of an attempt" {
					q.job.Status, q.job.Attempt = job.Running, 1
				}
				s := &Service{o: Options{Store: q}, feeds: feeds{store: q, open: map[string]*feed{}}}
				go func() {
					timer := time.NewTimer(time.Second)
					<-timer.C
					q.change(func() {
						q.job.Status, q.job.Attempt = job.Completed, 1
						q.events = append(q.events, job.Event{Seq: 1, JobID: "a", Data: json.RawMessage(`{}`)})
					})
				}()
				begun := time.Now()
				wait(t, s, q)
				require.LessOrEqual(t, time.Since(begun), lookAnyway)
			})
		})
	}
}
