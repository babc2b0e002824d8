package httpapi_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/service"
	"github.com/kedrod/kedrod/internal/store"
)

// TestAProjectThatVanishedIsTold by the jobs that wait for it, and by health.
func TestAProjectThatVanishedIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sales")
	require.NoError(t, os.Mkdir(path, 0o700))
	file := filepath.Join(path, "pyproject.toml")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	r := newRigOf(t, []string{"sales"}, func(o *service.Options) { o.Projects[0].Path = path })
	r.worker(func(w *store.Worker) { w.ID = "self" })
	id := r.submit()
	require.Contains(t, r.get("/api/v1/jobs/"+id).body, "It waits for a free slot")
	require.NoError(t, os.Remove(file)) // a mount point without its disk
	require.Contains(t, r.get("/api/v1/jobs/"+id).body, "The folder of the project sales is gone")
	require.NoError(t, os.Remove(path))
	require.Contains(t, r.get("/api/v1/jobs/"+id).body, "The folder of the project sales is gone")
	health := r.get("/api/v1/health")
	require.Equal(t, 200, health.status, "the service itself can be used")
	require.Contains(t, health.body, `"degraded"`)
	require.Contains(t, health.body, "the folder of sales is gone or empty, and its jobs wait")
}
