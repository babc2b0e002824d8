package e2e

import (
	"bufio"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
)

// holdStore takes the write lock of a server's jobs.db, as a backup program or a broken disk
// might, and gives the function that lets go.
func holdStore(t *testing.T, s *server) func() {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), python, "-c", `import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
held.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()`, filepath.Join(s.Data, "jobs.db"))
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "held\n", line)
	return func() {
		_ = stdin.Close()
		_ = cmd.Wait() // it has nothing to say
	}
}

// TestAnOutcomeThatCouldNotBeReported lies in the run's folder. The next start reports
// it, and the job is not run again. Meanwhile nothing is accepted that could get lost.
func TestAnOutcomeThatCouldNotBeReported(t *testing.T) {
	t.Parallel()
	path, gate := filepath.Join(t.TempDir(), "diary"), filepath.Join(t.TempDir(), "gate")
	s := serve(t, setup{projects: []string{project(t, "witness")}, data: filepath.Join(t.TempDir(), "data")})
	job := s.submit(t, "diary", params{"path": path, "gate": gate})
	eventually(t, "it runs", func() bool { return count(diary(t, path), "start", job.ID, 1) == 1 })
	release := holdStore(t, s)
	touch(t, gate)
	eventually(t, "the outcome is on disk", func() bool {
		found, err := filepath.Glob(filepath.Join(s.Data, "runs", "*", job.ID+"*", "outcome.json"))
		return err == nil && len(found) == 1
	})
	refused := s.open(t, http.MethodPost, "/api/v1/jobs", `{"pipeline_name": "diary", "user_id": "refused"}`)
	defer refused.Body.Close()
	require.Equal(t, http.StatusServiceUnavailable, refused.StatusCode)
	require.NotEmpty(t, refused.Header.Get("Retry-After"))
	require.Contains(t, readAll(t, refused.Body), `"unavailable"`)
	require.Equal(t, "running", s.job(t, job.ID).Status, "reading works, and nobody could report yet")
	s.crash(t)
	release()

	s = s.again(t)
	ended := s.end(t, job.ID)
	require.Equal(t, "completed", ended.Status, explain(ended))
	require.Equal(t, 1, ended.Attempt)
	attempts := s.attempts(t, job.ID)
	require.Len(t, attempts, 1)
	require.Equal(t, "completed", attempts[0].Status)
	require.Equal(t, 1, count(diary(t, path), "start", job.ID, 0))
	page, err := s.Jobs(within(t), client.ListFilter{UserID: []string{"refused"}})
	require.NoError(t, err)
	require.Empty(t, page.Items, "what was answered with 503 is not there")
}
