package worker_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
)

// BenchmarkJobs is a no-op job through the worker, from claim to report, on two
// slots: what kedrod itself costs for each run.
func BenchmarkJobs(b *testing.B) {
	r := newRig(b)
	require.NoError(b, os.WriteFile(r.opts.Projects[0].Python, []byte("#!/bin/sh\nexit 0\n"), 0o700))
	var last string
	for i := range b.N {
		last = fmt.Sprintf("bench-%d", i)
		_, _, err := r.db.Submit(b.Context(), job.Job{
			ID: last, Project: "proj", Pipeline: "p", Status: job.Pending, CreatedAt: job.Truncate(time.Now()),
			Queue: job.Queue{Timeout: time.Minute, MaxAttempts: 1},
		}, nil)
		require.NoError(b, err)
	}
	b.ResetTimer()
	_, stop := r.start()
	for !r.get(last).Status.Terminal() {
		time.Sleep(time.Millisecond) //nolint:forbidigo // a poll that must not cost what is measured
	}
	b.StopTimer()
	stop()
}
