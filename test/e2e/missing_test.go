package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
)

// TestAStartWithoutADisk: a project that was served before is served although its folder
// is not there (yet), as after a boot that came before the mount; its jobs wait, and
// others run. One that was never there is a mistake, and told.
func TestAStartWithoutADisk(t *testing.T) {
	t.Parallel()
	here, away := project(t, "minimal"), project(t, "composed")
	s := serve(t, setup{projects: []string{here, away}, data: filepath.Join(t.TempDir(), "data")})
	known(t, s)
	s.crash(t)
	require.NoError(t, os.Rename(away, away+".away"))
	require.NoError(t, os.Mkdir(away, 0o755)) // a mount point without its disk

	s = s.again(t)
	waits := s.send(t, client.Submission{Project: "composed", PipelineName: "__default__"})
	runs := s.send(t, client.Submission{Project: "minimal", PipelineName: "sum"})
	require.Equal(t, "completed", s.end(t, runs.ID).Status)
	job := s.job(t, waits.ID)
	require.Equal(t, "pending", job.Status)
	require.Contains(t, text(job.WaitingFor), "gone or empty")
	health, err := s.Health(within(t))
	require.NoError(t, err)
	require.Equal(t, "degraded", health.Status)
	require.Contains(t, health.Checks["projects"].Message, "composed")

	require.NoError(t, os.Remove(away))
	require.NoError(t, os.Rename(away+".away", away))
	require.Equal(t, "completed", s.end(t, waits.ID).Status, "it runs by itself once the folder is back")

	r := run0(t, t.TempDir(), nil, "serve", "--project", filepath.Join(t.TempDir(), "typo"), "--python", python, "--data-dir", s.Data+"2")
	require.Equal(t, 2, r.code, "%s", r)
	require.Contains(t, r.err, "does not exist")
}
