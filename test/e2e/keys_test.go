package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
)

// createKey makes one with the command line on the store itself.
func createKey(t *testing.T, data string, args ...string) client.CreatedKey {
	t.Helper()
	r := run0(t, t.TempDir(), nil, append([]string{"keys", "create", "--data-dir", data, "-o", "json"}, args...)...)
	require.Equal(t, 0, r.code, "%s", r)
	var k client.CreatedKey
	require.NoError(t, json.Unmarshal([]byte(r.out), &k))
	require.NotEmpty(t, k.Secret)
	return k
}

// TestKeys goes from the first key to the last, with a server that runs all the while
// and a command line that works on its store.
func TestKeys(t *testing.T) {
	t.Parallel()
	s := serve(t, setup{projects: []string{project(t, "minimal")}, data: filepath.Join(t.TempDir(), "data"), args: []string{"--no-worker"}})
	status := func(key string) int {
		var headers []string
		if key != "" {
			headers = []string{"Authorization", "Bearer " + key}
		}
		code, _ := s.call(t, http.MethodGet, "/api/v1/jobs", "", headers...)
		return code
	}
	require.Equal(t, http.StatusOK, status(""), "nobody is asked before the first key")
	stream := s.listen(t, "/api/v1/events", "")

	admin := createKey(t, s.Data, "--name", "admin", "--role", "admin")
	begun := time.Now()
	eventually(t, "the server notices the first key", func() bool { return status("") == http.StatusUnauthorized })
	require.Less(t, time.Since(begun), 2*time.Second, "a second, and what a busy machine adds")
	require.Equal(t, http.StatusOK, status(admin.Secret))
	select {
	case <-stream.over:
	case <-time.After(patience):
		require.FailNow(t, "the stream of somebody without a key goes on")
	}

	// Over the API from here on, with a login.
	home := t.TempDir()
	env := []string{"XDG_CONFIG_HOME=" + home}
	file := filepath.Join(home, "admin.key")
	require.NoError(t, os.WriteFile(file, []byte(admin.Secret), 0o600))
	r := run0(t, home, env, "ps", "--url", s.URL)
	require.Equal(t, 5, r.code, "%s", r)
	require.Contains(t, r.err, "KEDROD_API_KEY")
	r = run0(t, home, env, "login", "--url", s.URL, "--api-key-file", file)
	require.Equal(t, 0, r.code, "%s", r)
	r = run0(t, home, env, "keys", "create", "--name", "nightly", "--role", "runner")
	require.Equal(t, 0, r.code, "%s", r)
	nightly := strings.TrimSpace(r.out)
	nightlyEnv := append(slices.Clone(env), "KEDROD_API_KEY="+nightly, "KEDROD_URL="+s.URL)
	r = run0(t, home, nightlyEnv, "submit", "__default__", "-o", "json")
	require.Equal(t, 0, r.code, "%s", r)
	var job client.Job
	require.NoError(t, json.Unmarshal([]byte(r.out), &job))
	require.Equal(t, "nightly", *job.SubmittedBy)
	require.Equal(t, 5, run0(t, home, nightlyEnv, "keys", "list").code)

	r = run0(t, home, env, "keys", "revoke", "nightly")
	require.Equal(t, 0, r.code, "%s", r)
	require.Equal(t, http.StatusUnauthorized, status(nightly), "at once in the process that did it")

	r = run0(t, home, env, "audit", "-o", "json")
	require.Equal(t, 0, r.code, "%s", r)
	var audit client.Page[client.AuditEntry]
	require.NoError(t, json.Unmarshal([]byte(r.out), &audit))
	said := map[string]bool{}
	for _, e := range audit.Items {
		who := "nobody"
		if e.Who != nil {
			who, _, _ = strings.Cut(*e.Who, ":")
		}
		said[who+" "+e.Call+" "+e.Outcome] = true
		if e.Call == "submit-job" {
			require.Equal(t, job.ID, *e.Target)
		}
	}
	for _, want := range []string{"local create-key done", "nobody list-jobs refused", "admin create-key done", "nightly submit-job done", "nightly list-keys refused", "admin revoke-key done"} {
		require.True(t, said[want], "%s is not in %v", want, said)
	}

	r = run0(t, home, nil, "keys", "revoke", "admin", "--data-dir", s.Data)
	require.Equal(t, 0, r.code, "%s", r)
	eventually(t, "the server notices the revocation", func() bool { return status(admin.Secret) == http.StatusUnauthorized })
	require.Equal(t, http.StatusUnauthorized, status(""), "it stays on when the last key goes")
	for _, path := range []string{"/api/v1/health", "/livez", "/readyz", "/openapi.json", "/docs"} {
		code, _ := s.call(t, http.MethodGet, path, "")
		require.Equal(t, http.StatusOK, code, path)
	}
	for _, key := range []string{admin.Secret, nightly} {
		require.NotContains(t, s.Log.String(), key[13:])
		require.NotContains(t, r.out+r.err, key[13:])
	}
	again := s.restart(t)
	code, _ := again.call(t, http.MethodGet, "/api/v1/jobs", "")
	require.Equal(t, http.StatusUnauthorized, code, "also after a restart")
}

// restart ends the server in good order and starts another.
func (s *server) restart(t *testing.T) *server {
	t.Helper()
	require.NoError(t, s.End())
	return s.again(t)
}

// TestAnAddressForOthers is served once there is a key, and not before.
func TestAnAddressForOthers(t *testing.T) {
	t.Parallel()
	dir := project(t, "minimal")
	data := filepath.Join(t.TempDir(), "data")
	args := []string{"serve", "--project", dir, "--python", python, "--listen", "0.0.0.0:0", "--data-dir", data}
	r := run0(t, t.TempDir(), nil, args...)
	require.Equal(t, 2, r.code, "%s", r)
	require.Contains(t, r.err, "kedrod keys create --name admin --role admin --data-dir "+data)
	createKey(t, data, "--name", "admin", "--role", "admin")
	s := serve(t, setup{projects: []string{dir}, data: data, args: []string{"--listen", "0.0.0.0:0"}})
	require.NotEmpty(t, s.Line)
}
