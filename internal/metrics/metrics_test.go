package metrics_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/metrics"
)

func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	require.Equal(t, 200, w.Code)
	return w.Body.String()
}

func TestMetrics(t *testing.T) {
	var looks atomic.Int32
	var broken atomic.Bool
	now := time.Unix(1000, 0)
	since := now.Add(-90 * time.Second)
	m := metrics.New(metrics.Options{Version: "1.2.3", Now: func() time.Time { return now }, Look: func(context.Context) (metrics.State, error) {
		looks.Add(1)
		if broken.Load() {
			return metrics.State{}, errors.New("broken")
		}
		return metrics.State{Pending: 3, Running: 2, OldestEligible: &since, Workers: 1, Slots: 4, DiskFree: 1 << 30, Store: 4096, WAL: 10, Deliveries: 7}, nil
	}})
	m.Submitted()
	m.Claimed(20 * time.Millisecond)
	m.Claimed(-time.Second) // a clock that was set back
	m.Ended(&job.Outcome{Status: job.Failed, Reason: job.Timeout, StartedAt: &now, ExecutionTime: 2})
	m.Delivered("gone")
	m.Wrote("submit", time.Millisecond, true)
	text := scrape(t, m)
	for _, line := range []string{
		`kedrod_build_info{version="1.2.3"} 1`, "kedrod_up 1", `kedrod_jobs{status="pending"} 3`, `kedrod_jobs{status="running"} 2`, "kedrod_queue_oldest_seconds 90",
		"kedrod_workers 1", "kedrod_slots 4", "kedrod_disk_free_bytes 1.073741824e+09", `kedrod_store_bytes{file="jobs.db"} 4096`, "kedrod_submissions_total 1",
		`kedrod_attempts_ended_total{reason="timeout",status="failed"} 1`, `kedrod_run_seconds_sum{status="failed"} 2`, "kedrod_claim_wait_seconds_count 2",
		`kedrod_store_write_seconds_count{write="submit"} 1`, "kedrod_store_write_failures_total 1",
		`kedrod_deliveries_total{outcome="gone"} 1`, "kedrod_deliveries_pending 7",
	} {
		require.Contains(t, text, line+"\n")
	}
	require.Contains(t, text, "go_goroutines")
	scrape(t, m)
	require.EqualValues(t, 1, looks.Load(), "one look serves many")
	now = now.Add(6 * time.Second)
	broken.Store(true)
	text = scrape(t, m)
	require.Contains(t, text, "kedrod_up 0\n")
	require.NotContains(t, text, "kedrod_jobs{", "what can't be read is not told")
}
