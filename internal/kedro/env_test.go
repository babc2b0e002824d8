package kedro

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEnvironment(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("from a file\n"), 0o600))
	base := []string{
		"PATH=/bin", "HOME=/root", "LC_ALL=C", "USER=me", "AWS_PROFILE=p", "PYTHONPATH=/lib", "PYTHONDONTWRITEBYTECODE=1", "TWICE=1", "TWICE=2",
		"KEDROD_API_KEY=k", "KEDROD_ANYTHING=x", "DATABASE_URL=postgres://u:pw@h/db", "CELERY_BROKER_URL=redis://h", "PGPASSWORD=pw", "NOTIFY_SOCKET=/s",
		"LISTEN_FDS=1", "INVOCATION_ID=1", "CREDENTIALS_DIRECTORY=/c", "https_proxy=http://p", "VIRTUAL_ENV=/v", "BROKEN", "=x",
	}
	run := RunEnv{JobID: "j", Attempt: 2, RunDir: "/run", HookDir: "/hook", EventsPath: "/run/events", FullRegistry: true, Extra: []string{"MARKER=m"}}
	ours := map[string]string{
		"DO_NOT_TRACK": "1", "PYTHONUNBUFFERED": "1", "COLUMNS": "300", "KEDROD_JOB_ID": "j", "KEDROD_ATTEMPT": "2", "KEDROD_RUN_DIR": "/run",
		"KEDROD_EVENTS": "/run/events", "KEDROD_FULL_REGISTRY": "1", "MARKER": "m",
	}
	inherit := map[string]string{"PATH": "/bin", "HOME": "/root", "LC_ALL": "C", "USER": "me", "AWS_PROFILE": "p", "PYTHONPATH": "/hook:/lib", "TWICE": "2", "https_proxy": "http://p", "VIRTUAL_ENV": "/v"}
	strict := map[string]string{"PATH": "/bin", "HOME": "/root", "LC_ALL": "C", "PYTHONPATH": "/hook", "https_proxy": "http://p", "VIRTUAL_ENV": "/v"}
	hidden := []string{"postgres://u:pw@h/db", ""}
	for _, c := range []struct {
		name   string
		policy EnvPolicy
		want   []map[string]string
	}{
		{"inherit", EnvPolicy{Postgres: true, Hidden: hidden}, []map[string]string{inherit}},
		{"inherit, SQLite", EnvPolicy{}, []map[string]string{inherit, {"PGPASSWORD": "pw", "DATABASE_URL": "postgres://u:pw@h/db"}}},
		{"strict", EnvPolicy{Strict: true, Postgres: true, Hidden: hidden}, []map[string]string{strict}},
		{
			"strict, with more", EnvPolicy{
				Strict: true, Hidden: hidden, PassEnv: []string{"AWS_PROFILE", "NOT_SET", "KEDROD_API_KEY", "NOTIFY_SOCKET", "DATABASE_URL"},
				Env: map[string]string{"KEDRO_ENV": "prod", "PASSWORD_FILE": secret, "KEDROD_JOB_ID": "forged"},
			},
			[]map[string]string{strict, {"AWS_PROFILE": "p", "KEDRO_ENV": "prod", "PASSWORD": "from a file"}},
		},
		{"PG named on purpose", EnvPolicy{Postgres: true, Hidden: hidden, PassEnv: []string{"PGPASSWORD"}}, []map[string]string{inherit, {"PGPASSWORD": "pw"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Environment(base, c.policy, run)
			require.NoError(t, err)
			require.IsIncreasing(t, got)
			have := map[string]string{}
			for _, entry := range got {
				name, value, _ := strings.Cut(entry, "=")
				require.NotContains(t, have, name)
				have[name] = value
			}
			want := map[string]string{}
			for _, m := range append([]map[string]string{ours}, c.want...) {
				for k, v := range m {
					want[k] = v
				}
			}
			require.Equal(t, want, have)
		})
	}
	_, err := Environment(nil, EnvPolicy{Env: map[string]string{"X_FILE": "/does/not/exist"}}, run)
	require.ErrorContains(t, err, "env.X_FILE")
}
