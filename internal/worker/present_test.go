package worker_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
)

// TestJobsWaitForAProjectThatVanished: none of them fails for it, none is claimed over
// and over, and they run when it is back.
func TestJobsWaitForAProjectThatVanished(t *testing.T) {
	r := newRig(t)
	path, away := filepath.Join(r.dir, "project"), filepath.Join(r.dir, "away")
	require.NoError(t, os.Mkdir(path, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(path, "pyproject.toml"), nil, 0o600))
	r.opts.Projects[0].Path = path
	require.NoError(t, os.Rename(path, away))
	require.NoError(t, os.Mkdir(path, 0o700)) // as a mount point is, without its disk
	r.start()
	var jobs []job.Job
	for range 5 {
		jobs = append(jobs, r.submit("ok", nil))
	}
	looked := time.Now()
	require.Eventually(t, func() bool { return time.Since(looked) > 1500*time.Millisecond }, 5*time.Second, 50*time.Millisecond)
	for _, j := range jobs {
		j = r.get(j.ID)
		require.Equal(t, job.Pending, j.Status)
		require.Zero(t, j.Attempt, "it was claimed for nothing")
	}
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Rename(away, path))
	for _, j := range jobs {
		j = r.ended(j.ID)
		require.Equal(t, job.Completed, j.Status)
		require.Equal(t, 1, j.Attempt)
	}
}
