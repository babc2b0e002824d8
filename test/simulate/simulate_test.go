package simulate_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/lease"
	"github.com/kedrod/kedrod/test/simulate"
)

func setting(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	return n
}

// TestInvariantsInVirtualTime: no job has two live runs, no scope more than its limit, every
// job ends, and a lost machine's jobs are back within the lease and 2 s.
func TestInvariantsInVirtualTime(t *testing.T) {
	seed := uint64(setting(t, "KEDROD_SIMULATE_SEED", int(time.Now().UnixNano()%1_000_000_000)))
	workers, jobs := setting(t, "KEDROD_SIMULATE_WORKERS", 150), setting(t, "KEDROD_SIMULATE_JOBS", 40_000)
	size := simulate.Size{Workers: workers, Reapers: 8, Jobs: jobs, Scopes: 40, Limit: max(2, workers/12), Faults: 10 * time.Minute}
	t.Logf("KEDROD_SIMULATE_SEED=%d KEDROD_SIMULATE_WORKERS=%d KEDROD_SIMULATE_JOBS=%d", seed, workers, jobs)
	got, err := simulate.Run(seed, size)
	t.Logf("%+v", got)
	require.NoError(t, err)
	require.Equal(t, jobs, got.Completed)
	require.Positive(t, got.Reaped)
	require.Positive(t, got.Recoveries)
	// A clock may be slow by a hundredth.
	require.LessOrEqual(t, got.Slowest, lease.Default*101/100+2*time.Second+200*time.Millisecond)
}
