package e2e

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/test/pgtest"
)

// TestRealKedroOnPostgreSQL: a run is told of as on SQLite, live nodes, outputs and log
// included, and nothing of it is in the data folder's own store.
func TestRealKedroOnPostgreSQL(t *testing.T) {
	t.Parallel()
	s := serve(t, setup{projects: []string{project(t, "minimal")}, env: []string{"KEDROD_DATABASE_URL=" + pgtest.Database(t)}})
	known(t, s)
	job := s.run(t, "__default__", nil)
	require.Equal(t, "completed", job.Status, explain(job))
	require.NotEmpty(t, job.Results)
	nodes, err := s.Nodes(within(t), job.ID)
	require.NoError(t, err)
	require.NotEmpty(t, nodes)
	for _, n := range nodes {
		require.Equal(t, "completed", n.Status)
	}
	require.NotEmpty(t, s.log(t, job.ID, client.LogOptions{}))
	require.NoFileExists(t, filepath.Join(s.Data, "jobs.db"))
}
