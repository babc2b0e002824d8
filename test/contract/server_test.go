package contract

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/test/launch"
)

// web is what calls that the client package does not make go through.
var web = &http.Client{Timeout: patience}

// server is a kedrod serve of the project minimal.
type server struct {
	*client.Client
	*launch.Process
	URL  string
	data string
}

// serve starts one on a data folder, and waits until it listens.
func serve(t *testing.T, project, data string, args ...string) *server {
	t.Helper()
	args = append([]string{"serve", "--listen", "127.0.0.1:0", "--data-dir", data, "--project", project, "--python", kedro}, args...)
	cmd := exec.Command(binary, args...)
	cmd.Dir, cmd.Env = t.TempDir(), environment()
	p, err := launch.Start(cmd)
	require.NoError(t, err)
	s := &server{Process: p, URL: p.Base, data: data}
	t.Cleanup(func() { s.stop(t) })
	s.Client, err = client.New(s.URL, client.Config{})
	require.NoError(t, err)
	return s
}

// ready waits until the registry is known; key may be empty.
func (s *server) ready(t *testing.T, key string) {
	t.Helper()
	c, err := client.New(s.URL, client.Config{APIKey: key})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		list, err := c.Pipelines(t.Context(), "")
		return err == nil && len(list.Projects) == 1 && list.Projects[0].Known
	}, patience, 20*time.Millisecond, "%s", s.Log)
}

// stop ends it, and looks at what it logged. It may be called again.
func (s *server) stop(t *testing.T) {
	t.Helper()
	if err := s.End(); err != nil {
		t.Error(err)
	}
	if log := s.Log.String(); strings.Contains(log, "request failed") {
		t.Errorf("a request failed:\n%s", log)
	}
}

// key is createKey's key itself.
func (s *server) key(t *testing.T, role string) string {
	t.Helper()
	return s.createKey(t, role).Secret
}

// createKey makes one with the command line, and waits until the server asks for keys.
func (s *server) createKey(t *testing.T, role string) client.CreatedKey {
	t.Helper()
	out := command{name: binary, args: []string{"keys", "create", "--data-dir", s.data, "--name", role, "--role", role, "-o", "json"}, dir: t.TempDir()}.must(t)
	var k client.CreatedKey
	require.NoError(t, json.Unmarshal([]byte(out), &k), out)
	require.Eventually(t, func() bool {
		return s.status(t, k.Secret) == http.StatusOK && s.status(t, "") == http.StatusUnauthorized
	}, patience, 20*time.Millisecond)
	return k
}

// status of a list of jobs under the key.
func (s *server) status(t *testing.T, key string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/v1/jobs", http.NoBody)
	require.NoError(t, err)
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := web.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	return resp.StatusCode
}

// project gives a copy of the project minimal of its own.
func project(t *testing.T) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "minimal")
	require.NoError(t, os.CopyFS(to, os.DirFS(filepath.Join(root, "test", "projects", "minimal"))))
	return to
}

// download writes one of the server's documents into a file.
func (s *server) download(t *testing.T, path, file string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, http.NoBody)
	require.NoError(t, err)
	resp, err := web.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, text, 0o600))
}
