package sqlite_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/storetest"
)

// TestAnEndAndItsDeliveryAreOneTransaction: where the delivery can't be written, the job
// has not ended; so there is no moment between the two for a crash to fall into.
func TestAnEndAndItsDeliveryAreOneTransaction(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "jobs.db"), storetest.NewClock())
	defer func() { require.NoError(t, s.Close()) }()
	j := newJob("one")
	j.CallbackURL = "http://h/"
	_, _, err := s.Submit(t.Context(), j, nil)
	require.NoError(t, err)
	require.NoError(t, s.Write(t.Context(), func(exec func(string) error) error {
		return exec(`CREATE TRIGGER refuse BEFORE INSERT ON deliveries BEGIN SELECT RAISE(ABORT, 'no room'); END`)
	}))
	cancel := func(j *job.Job) error { j.RequestCancel(time.Unix(9, 0)); return nil }
	_, err = s.Update(t.Context(), "one", cancel)
	require.ErrorContains(t, err, "no room")
	got, err := s.Get(t.Context(), "one")
	require.NoError(t, err)
	require.Equal(t, job.Pending, got.Status)

	require.NoError(t, s.Write(t.Context(), func(exec func(string) error) error { return exec(`DROP TRIGGER refuse`) }))
	_, err = s.Update(t.Context(), "one", cancel)
	require.NoError(t, err)
	told, err := s.Deliveries(t.Context(), "one")
	require.NoError(t, err)
	require.Len(t, told, 1)
}

// TestHostsOfManyDeliveries: looking for hosts does not read their deliveries.
func TestHostsOfManyDeliveries(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "jobs.db"), storetest.NewClock())
	defer func() { require.NoError(t, s.Close()) }()
	require.NoError(t, s.Write(t.Context(), func(exec func(string) error) error {
		for host := range 3 {
			err := exec(fmt.Sprintf(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
				INSERT INTO deliveries (id, job_id, event, url, host, state, attempts, taken, created_at, next_at)
				SELECT '%[1]d-' || i, 'j', 'job.failed', 'http://h%[1]d/', 'h%[1]d:80', 'pending', 0, 0, '2026-01-01T00:00:00.000000+00:00', '2026-01-01T00:00:00.000000+00:00' FROM n`, host))
			if err != nil {
				return err
			}
		}
		return nil
	}))
	hosts, err := s.DeliveryHosts(t.Context())
	require.NoError(t, err)
	require.Len(t, hosts, 3)
	n, err := s.CountDeliveries(t.Context())
	require.NoError(t, err)
	require.Equal(t, 10_000, n, "counting ends at its limit")
	begun := time.Now()
	for range 100 {
		_, err = s.DeliveryHosts(t.Context())
		require.NoError(t, err)
	}
	t.Logf("hosts of 60,000 deliveries: %s", time.Since(begun)/100)
}

// TestReleasedDeliveriesAreDueAtOnce: whoever has the folder's lock knows that nobody
// else is sending.
func TestReleasedDeliveriesAreDueAtOnce(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "jobs.db"), storetest.NewClock())
	defer func() { require.NoError(t, s.Close()) }()
	j := newJob("one")
	j.CallbackURL = "http://h/"
	_, _, err := s.Submit(t.Context(), j, nil)
	require.NoError(t, err)
	_, err = s.Update(t.Context(), "one", func(j *job.Job) error { j.RequestCancel(time.Unix(9, 0)); return nil })
	require.NoError(t, err)
	take := func() []store.Delivery {
		taken, err := s.TakeDeliveries(t.Context(), "h:80", time.Minute, 9)
		require.NoError(t, err)
		return taken
	}
	require.Len(t, take(), 1)
	require.Empty(t, take())
	require.NoError(t, s.ReleaseDeliveries(t.Context()))
	again := take()
	require.Len(t, again, 1)
	require.Equal(t, 2, again[0].Attempts)
	require.NoError(t, s.SaveDelivery(t.Context(), store.Attempted{ID: again[0].ID, Attempt: 2, State: store.DeliveryDelivered, Answer: 204}))
	require.NoError(t, s.ReleaseDeliveries(t.Context()))
	require.Empty(t, take(), "what has ended stays")
}
