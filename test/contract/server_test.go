package contract

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
)

// web is what calls that the client package does not make go through.
var web = &http.Client{Timeout: patience}

// server is a kedrod serve of the project minimal.
type server struct {
	*client.Client
	url  string
	data string

	cmd   *exec.Cmd
	log   *lockedText
	ended chan struct{}
}

// serve starts one on a data folder, and waits until it listens and knows the
// project's registry.
func serve(t *testing.T, project, data string, args ...string) *server {
	t.Helper()
	args = append([]string{"serve", "--listen", "127.0.0.1:0", "--data-dir", data, "--project", project, "--python", kedro}, args...)
	s := &server{data: data, cmd: exec.Command(binary, args...), log: new(lockedText), ended: make(chan struct{})}
	s.cmd.Dir, s.cmd.Env, s.cmd.Stderr = t.TempDir(), environment(), s.log
	out, err := s.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, s.cmd.Start())
	first := make(chan string, 1)
	go func() {
		defer close(s.ended)
		lines := bufio.NewReader(out)
		line, _ := lines.ReadString('\n')
		first <- line
		_, _ = io.Copy(io.Discard, lines)
		_ = s.cmd.Wait()
	}()
	t.Cleanup(func() { s.stop(t) })
	select {
	case line := <-first:
		s.url = regexp.MustCompile(`http://[0-9A-Za-z.:\[\]-]+`).FindString(line)
		require.NotEmpty(t, s.url, "serve printed %q: %s", line, s.log)
	case <-time.After(patience):
		require.FailNow(t, "serve did not listen in time", "%s", s.log)
	}
	s.Client, err = client.New(s.url, client.Config{})
	require.NoError(t, err)
	return s
}

// ready waits until the registry is known; key may be empty.
func (s *server) ready(t *testing.T, key string) {
	t.Helper()
	c, err := client.New(s.url, client.Config{APIKey: key})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		list, err := c.Pipelines(t.Context(), "")
		return err == nil && len(list.Projects) == 1 && list.Projects[0].Known
	}, patience, 20*time.Millisecond, "%s", s.log)
}

// stop ends it, and looks at what it logged. It may be called again.
func (s *server) stop(t *testing.T) {
	t.Helper()
	select {
	case <-s.ended:
		return
	default:
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		t.Error("serve did not end after SIGTERM")
		<-s.ended
	}
	log := s.log.String()
	for _, bad := range []string{"DATA RACE", "panic", "request failed"} {
		if strings.Contains(log, bad) {
			t.Errorf("serve's log has %q:\n%s", bad, log)
		}
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("serve ended with %d:\n%s", code, log)
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
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/api/v1/jobs", http.NoBody)
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
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, http.NoBody)
	require.NoError(t, err)
	resp, err := web.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, text, 0o600))
}

// lockedText gathers what a process prints while others read it.
type lockedText struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
