package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// expiryParked: a job that expires while it waits for a slot, where claims don't look,
// is ended by the sweep, and those it kept back go on with the next claim.
func (s *suite) expiryParked() {
	until := s.clock.Now().Add(time.Minute)
	in := func(limit int, expires *time.Time) job.Job {
		return s.submit(func(j *job.Job) {
			j.Queue.ConcurrencyKey, j.Queue.ConcurrencyLimit, j.Queue.ExpiresAt = "db", limit, expires
		})
	}
	in(3, nil)
	require.Len(s.t, s.claimWithin(9, store.Limits{}), 1)
	first, wide, second, wider := in(1, &until), in(3, nil), in(1, &until), in(3, nil)
	require.Empty(s.t, s.claimWithin(9, store.Limits{}), "the first keeps the others back")
	s.clock.Add(time.Minute)
	require.Empty(s.t, s.claimWithin(9, store.Limits{}), "a claim does not look at what is parked")
	require.Equal(s.t, job.Pending, s.get(first.ID).Status)
	require.NoError(s.t, s.ExpireDue(s.ctx()))
	require.Equal(s.t, job.Expired, s.get(first.ID).Reason)
	require.Equal(s.t, job.Expired, s.get(second.ID).Reason)
	require.Equal(s.t, []string{wide.ID, wider.ID}, idsOf(s.claimWithin(9, store.Limits{})))
}
