package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

func ptr[T any](v T) *T { return &v }

func (s *suite) roundTrip() {
	later := s.clock.Now().Add(time.Hour)
	want := s.make(func(j *job.Job) {
		j.UserID, j.SubmittedBy = ptr("ü'\"; DROP TABLE jobs"), ptr("key")
		j.Parameters = json.RawMessage(`{"big": 123456789012345678901234567890, "f": 1e5, "nested": {"a": [1, null, "x\u0000y"]}}`)
		j.Options = job.Options{Tags: []string{"a", "b"}, NodeNames: []string{"n"}, Env: ptr("prod"), LoadVersions: map[string]string{"d": "v"}}
		j.Queue = job.Queue{
			Priority: -7, RunAt: &later, ExpiresAt: ptr(later.Add(time.Hour)), Timeout: 1500 * time.Millisecond,
			MaxAttempts: 4, RetryOn: []job.Reason{job.Timeout, job.Killed}, MaxRecoveries: 0,
			ConcurrencyKey: "db", ConcurrencyLimit: 2, Requires: map[string]string{"gpu": "a100"},
		}
		j.RetryOf, j.Labels = ptr("other"), map[string]string{"team": "a:b", "": "ü'\""}
	})
	_, _, err := s.Submit(s.ctx(), want, nil)
	require.NoError(s.t, err)
	require.Equal(s.t, want, s.get(want.ID))

	plain := s.submit(nil)
	require.Equal(s.t, plain, s.get(plain.ID))
}

func (s *suite) unknown() {
	_, err := s.Get(s.ctx(), "nope")
	require.True(s.t, fault.Is(err, fault.NotFound), "%v", err)
	_, err = s.Update(s.ctx(), "nope", func(*job.Job) error { return nil })
	require.True(s.t, fault.Is(err, fault.NotFound), "%v", err)
	_, err = s.Report(s.ctx(), job.Ref{JobID: "nope", Attempt: 1, Worker: "w"}, s.completed(), store.Advance{})
	require.True(s.t, fault.Is(err, fault.NotFound), "%v", err)
	attempts, err := s.Attempts(s.ctx(), "nope")
	require.NoError(s.t, err)
	require.Empty(s.t, attempts)
}

func (s *suite) idempotency() {
	first, second := s.make(nil), s.make(nil)
	idem := &store.Idempotency{Key: "k", Hash: "h"}
	none, err := s.Repeated(s.ctx(), *idem)
	require.NoError(s.t, err)
	require.Nil(s.t, none)
	_, existed, err := s.Submit(s.ctx(), first, idem)
	require.NoError(s.t, err)
	require.False(s.t, existed)
	got, existed, err := s.Submit(s.ctx(), second, idem)
	require.NoError(s.t, err)
	require.True(s.t, existed)
	require.Equal(s.t, first, got)
	known, err := s.Repeated(s.ctx(), *idem)
	require.NoError(s.t, err)
	require.Equal(s.t, &first, known)
	_, err = s.Repeated(s.ctx(), store.Idempotency{Key: "k", Hash: "another"})
	require.True(s.t, fault.Is(err, fault.Conflict), "%v", err)
	_, _, err = s.Submit(s.ctx(), second, &store.Idempotency{Key: "k", Hash: "another"})
	require.True(s.t, fault.Is(err, fault.Conflict), "%v", err)
	_, existed, err = s.Submit(s.ctx(), second, &store.Idempotency{Key: "k2", Hash: "h"})
	require.NoError(s.t, err)
	require.False(s.t, existed)
	require.Len(s.t, s.ids(store.Filter{}), 2)
}

func (s *suite) idempotencyRace() {
	const callers = 16
	jobs := make([]job.Job, callers)
	for i := range jobs {
		jobs[i] = s.make(nil)
	}
	ids := make([]string, callers)
	var wg sync.WaitGroup
	for i := range jobs {
		wg.Go(func() {
			got, _, err := s.Submit(s.ctx(), jobs[i], &store.Idempotency{Key: "one", Hash: "h"})
			if err == nil {
				ids[i] = got.ID
			}
		})
	}
	wg.Wait()
	for _, id := range ids {
		require.Equal(s.t, ids[0], id)
	}
	require.Len(s.t, s.ids(store.Filter{}), 1)
}

func (s *suite) neighbours() {
	const callers = 64
	refuse := errors.New("refused by its caller")
	jobs := make([]job.Job, callers)
	for i := range jobs {
		jobs[i] = s.make(nil)
	}
	target := s.submit(nil)
	errs := make([]error, callers)
	var wg sync.WaitGroup
	for i := range jobs {
		wg.Go(func() {
			if i%2 == 0 {
				_, _, errs[i] = s.Submit(s.ctx(), jobs[i], nil)
				return
			}
			_, errs[i] = s.Update(s.ctx(), target.ID, func(j *job.Job) error {
				j.Status = job.Failed
				return refuse
			})
		})
	}
	wg.Wait()
	for i, err := range errs {
		if i%2 == 0 {
			require.NoError(s.t, err)
		} else {
			require.ErrorIs(s.t, err, refuse)
		}
	}
	require.Equal(s.t, target, s.get(target.ID))
	_, _, err := s.Submit(s.ctx(), target, nil)
	require.Error(s.t, err, "an id is there once")
	require.Len(s.t, s.ids(store.Filter{}), callers/2+1)
	require.NoError(s.t, s.Check(s.ctx()))
}

func (s *suite) contexts() {
	ended, cancel := context.WithCancel(s.ctx())
	cancel()
	_, _, err := s.Submit(ended, s.make(nil), nil)
	require.ErrorIs(s.t, err, context.Canceled)
	require.Empty(s.t, s.ids(store.Filter{}))
	s.submit(nil)
	require.Len(s.t, s.ids(store.Filter{}), 1)
}

func (s *suite) wakes() {
	queue, off := s.Subscribe(store.TopicQueue)
	defer off()
	j := s.submit(nil)
	s.woken(queue)
	_ = s.get(j.ID) // a wake-up comes after the commit, so the job is there

	events, off2 := s.Subscribe(store.TopicJob(j.ID))
	defer off2()
	cancels, off3 := s.Subscribe(store.TopicCancel)
	defer off3()
	s.claim("w", 1)
	s.woken(events)
	_, err := s.Update(s.ctx(), j.ID, func(j *job.Job) error { j.RequestCancel(s.clock.Now()); return nil })
	require.NoError(s.t, err)
	s.woken(cancels)

	off()
	s.submit(nil)
	select {
	case <-queue:
		require.FailNow(s.t, "woken after the subscription's end")
	default:
	}
}

func (s *suite) woken(ch <-chan struct{}) {
	s.t.Helper()
	select {
	case <-ch:
	case <-time.After(10 * time.Second):
		require.FailNow(s.t, "no wake-up came")
	}
}
