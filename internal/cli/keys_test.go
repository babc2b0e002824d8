package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/config"
)

const aKey = "kdr_3xK9aB2c_0123456789012345678901234567890123456789abc"

func TestKeysOverTheAPI(t *testing.T) {
	created := client.CreatedKey{Key: client.Key{ID: "k1", Name: "nightly", Role: "runner", Prefix: "3xK9aB2c", CreatedAt: at(0)}, Secret: aKey}
	list := client.Page[client.Key]{Items: []client.Key{
		created.Key,
		{ID: "k2", Name: "old", Role: "admin", Prefix: "aaaaaaaa", CreatedAt: at(time.Hour), RevokedAt: ptr(at(time.Minute))},
		{ID: "k3", Name: "ann", Role: "viewer", Prefix: "bbbbbbbb", CreatedAt: at(2 * time.Hour), ExpiresAt: ptr(at(-time.Hour)), Projects: []string{"a", "b"}},
		{ID: "k4", Name: "gone", Role: "viewer", Prefix: "cccccccc", CreatedAt: at(3 * time.Hour), ExpiresAt: ptr(at(time.Hour))},
	}}
	f := newFake(t, map[string]string{"POST /api/v1/keys": "201 " + asJSON(t, created), "GET /api/v1/keys": asJSON(t, list), "DELETE /api/v1/keys/k1": asJSON(t, created.Key)})
	said := run(t.Context(), t, f.URL, strings.Fields("keys create --name nightly --role runner --project sales --expires 90d"))
	require.Equal(t, 0, said.code, said.err)
	require.Equal(t, aKey+"\n", said.out, "the key alone, for a script")
	require.NotContains(t, said.err, aKey)
	require.JSONEq(t, `{"name":"nightly","role":"runner","projects":["sales"],"expires_at":"2027-02-23T03:00:00.000000+00:00"}`, f.bodies[0])
	said = run(t.Context(), t, f.URL, strings.Fields("keys create --name nightly --role runner -o json"))
	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(said.out), &got))
	for _, field := range []string{"id", "name", "role", "prefix", "key"} {
		require.Contains(t, got, field)
	}
	golden(t, "keys", run(t.Context(), t, f.URL, []string{"keys", "list"}).String()+run(t.Context(), t, f.URL, []string{"keys", "list", "--all"}).String()+
		run(t.Context(), t, f.URL, []string{"keys", "revoke", "nightly"}).String()+run(t.Context(), t, f.URL, []string{"keys", "revoke", aKey}).String())
	for _, words := range []string{"keys create --name x --role root", "keys create --role admin", "keys create --name x --role admin --expires x",
		"keys create --name x --role admin --project=", "keys revoke", "keys list --url http://x --data-dir y", "audit -n 0"} {
		said := run(t.Context(), t, f.URL, strings.Fields(words))
		require.Equal(t, exitUsage, said.code, "%s: %s", words, said.err)
	}
}

// TestKeysOnTheStore: a server is called where one is named, or a key is at hand.
func TestKeysOnTheStore(t *testing.T) {
	f := newFake(t, map[string]string{"GET /api/v1/keys": `{"items":[],"next_cursor":null}`})
	opened := ""
	local := backend(Backend{Local: func(_ context.Context, at config.StoreAt, create bool) (*client.Client, func() error, error) {
		opened = at.DataDir
		if at.DatabaseURL != "" {
			opened = at.DatabaseURL
		}
		require.False(t, create)
		c, err := client.New(f.URL, client.Config{})
		return c, func() error { return nil }, err
	}})
	home := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(home, "kedrod.yaml"), []byte("data_dir: /of/the/file\n"), 0o600))
	for _, c := range []struct{ url, words, env, want string }{
		{f.URL, "keys list", "", ""},
		{f.URL, "keys list --data-dir /d", "", "/d"},
		{"", "keys list", "", "/home/u/.local/state/kedrod"},
		{"", "keys list", "KEDROD_DATA_DIR=/e", "/e"},
		{"", "keys list --config " + home + "/kedrod.yaml", "", "/of/the/file"},
		{"", "keys list --url " + f.URL, "KEDROD_DATA_DIR=/e", ""},
		{"", "audit", "KEDROD_DATA_DIR=/e", "/e"},
		{"", "audit", "KEDROD_DATABASE_URL=postgres://h/d", "postgres://h/d"},
		{f.URL, "keys list --database-url postgres://h/d", "", "postgres://h/d"},
	} {
		opened = ""
		run(t.Context(), t, c.url, strings.Fields(c.words), local, environ(c.env))
		require.Equal(t, c.want, opened, c.words)
	}
}

// TestCredentials: whose key goes where.
func TestCredentials(t *testing.T) {
	got := ""
	f := newFake(t, nil)
	f.handlers["GET /api/v1/projects"] = func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		if got == "Bearer wrong" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(`{"items":[],"next_cursor":null}`))
	}
	dir := t.TempDir()
	at := environ("XDG_CONFIG_HOME=" + dir)
	path := filepath.Join(dir, "kedrod", "credentials")

	said := run(t.Context(), t, f.URL, []string{"login"}, at, stdin("wrong\n"))
	require.Equal(t, exitRefused, said.code)
	require.NoFileExists(t, path, "a key that the service does not know is not kept")
	require.Equal(t, exitUsage, run(t.Context(), t, f.URL, []string{"login"}, at, stdin("")).code)

	said = run(t.Context(), t, f.URL, []string{"login"}, at, stdin(aKey+"\n"))
	require.Equal(t, 0, said.code, said.err)
	require.NotContains(t, said.out+said.err, aKey)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	other := newFake(t, nil)
	other.handlers["GET /api/v1/projects"] = f.handlers["GET /api/v1/projects"]
	file := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(file, []byte("of-the-file\n"), 0o600))
	for _, c := range []struct{ url, words, env, want string }{
		{"", "projects", "", "Bearer " + aKey},
		{f.URL + "/", "projects", "", "Bearer " + aKey},
		{other.URL, "projects", "", ""}, // it goes to no other server
		{f.URL, "projects", "KEDROD_API_KEY=of-the-variable", "Bearer of-the-variable"},
		{f.URL, "projects", "KEDROD_API_KEY_FILE=" + file, "Bearer of-the-file"},
		{f.URL, "projects --api-key-file " + file, "KEDROD_API_KEY=of-the-variable", "Bearer of-the-file"},
	} {
		got = "none"
		said := run(t.Context(), t, c.url, strings.Fields(c.words), at, environ(c.env))
		require.Equal(t, 0, said.code, "%s: %s", c.words, said.err)
		require.Equal(t, c.want, got, c)
	}

	require.NoError(t, os.Chmod(path, 0o640))
	got = "none"
	said = run(t.Context(), t, f.URL, []string{"projects"}, at)
	require.Equal(t, exitUsage, said.code)
	require.Contains(t, said.err, "chmod 600")
	require.Equal(t, "none", got)
	require.NotContains(t, said.err, aKey)
	require.Equal(t, 0, run(t.Context(), t, f.URL, []string{"projects"}, at, environ("KEDROD_API_KEY=x")).code, "a file that is not needed does no harm")

	require.Equal(t, 0, run(t.Context(), t, f.URL, []string{"login", "--forget"}, at).code)
	require.NoFileExists(t, path)
}

func TestAuditVerb(t *testing.T) {
	entries := client.Page[client.AuditEntry]{NextCursor: ptr("7"), Items: []client.AuditEntry{
		{ID: 9, Time: at(time.Minute), Who: ptr("ann"), Call: "submit-job", Target: ptr(idA), Outcome: "done", Address: "10.0.0.1"},
		{ID: 8, Time: at(time.Hour), Call: "list-jobs", Outcome: "refused", Code: ptr("unauthenticated"), Address: "::1"},
	}}
	f := newFake(t, map[string]string{"GET /api/v1/audit": asJSON(t, entries)})
	golden(t, "audit", run(t.Context(), t, f.URL, []string{"audit"}).String())
	run(t.Context(), t, f.URL, strings.Fields("audit --refused -n 5 --cursor 7"))
	require.Equal(t, "GET /api/v1/audit?cursor=7&limit=5&outcome=refused", f.requests[1])
}
