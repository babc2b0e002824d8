package retention_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/retention"
	"github.com/kedrod/kedrod/internal/store"
)

// TestDeliveries go a week after their own end; what is still to be told stays, and so
// do the jobs.
func TestDeliveries(t *testing.T) {
	p := newPlace(t)
	const jobs = 60
	for i := range jobs {
		id := fmt.Sprintf("job-%d", i)
		_, _, err := p.s.Submit(t.Context(), job.Job{ID: id, Project: "p", Pipeline: "x", Status: job.Pending, CreatedAt: p.now, CallbackURL: "http://h/"}, nil)
		require.NoError(t, err)
		_, err = p.s.Update(t.Context(), id, func(j *job.Job) error { j.RequestCancel(p.now); return nil })
		require.NoError(t, err)
	}
	taken, err := p.s.TakeDeliveries(t.Context(), "h:80", time.Minute, jobs-1)
	require.NoError(t, err)
	for _, d := range taken {
		require.NoError(t, p.s.SaveDelivery(t.Context(), store.Attempted{ID: d.ID, Attempt: 1, State: store.DeliveryDelivered, Answer: 200}))
	}
	left := func() (n int) {
		for i := range jobs {
			all, err := p.s.Deliveries(t.Context(), fmt.Sprintf("job-%d", i))
			require.NoError(t, err)
			n += len(all)
		}
		return n
	}
	p.now = p.now.Add(7*day - time.Second)
	require.NoError(t, p.keeper(retention.Keep{}).Sweep(t.Context()))
	require.Equal(t, jobs, left())
	p.now = p.now.Add(2 * time.Second)
	require.NoError(t, p.keeper(retention.Keep{}).Sweep(t.Context()))
	require.Equal(t, 1, left())
	require.Len(t, p.jobs(), jobs)
}
