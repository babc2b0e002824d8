package worker_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestALogStaysWithinItsLimitWhileTheRunGoesOn: what a run prints can't fill the disk.
func TestALogStaysWithinItsLimitWhileTheRunGoesOn(t *testing.T) {
	r := newRig(t)
	r.opts.LogSize = 2 << 20
	r.start()
	j := r.submit("loud", nil)
	r.begun(j.ID, 1)
	dir := r.runs.Attempt(j.ID, 1)
	require.Eventually(t, func() bool {
		size, err := dir.Size()
		return err == nil && size > 1<<20 && size <= 2<<20
	}, 10*time.Second, 10*time.Millisecond, "the log is not bounded")
	require.False(t, r.get(j.ID).Status.Terminal())
}
