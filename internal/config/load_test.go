package config

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
)

// world is a machine for Load: a working directory, a home, flags and variables.
type world struct {
	t       *testing.T
	cwd     string
	environ []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{t: t, cwd: t.TempDir(), environ: []string{"HOME=" + t.TempDir()}}
}

func (w *world) file(name, text string) string {
	path := filepath.Join(w.cwd, name)
	require.NoError(w.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(w.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func (w *world) try(args ...string) (Config, []Warning, error) {
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	AddFlags(flags)
	require.NoError(w.t, flags.Parse(args))
	return Load(flags, w.environ, w.cwd)
}

func (w *world) load(args ...string) Config {
	c, _, err := w.try(args...)
	require.NoError(w.t, err)
	return c
}

func source(c Config, key string) string {
	for _, v := range c.Values() {
		if v.Key == key {
			return v.Source
		}
	}
	return ""
}

func TestDefaults(t *testing.T) {
	w := newWorld(t)
	c := w.load()
	require.Empty(t, c.File)
	require.Equal(t, "127.0.0.1:8000", c.Listen)
	require.Equal(t, filepath.Join(w.environ[0][len("HOME="):], ".local", "state", "kedrod"), c.DataDir)
	require.GreaterOrEqual(t, c.Concurrency, 1)
	require.LessOrEqual(t, c.Concurrency, 4)
	require.Equal(t, StopGrace{5 * time.Second, 3 * time.Second}, c.StopGrace)
	require.Equal(t, 20*time.Second, c.DrainTimeout)
	require.Equal(t, Refuse, c.UnknownFields)
	require.Equal(t, Log{MaxSize: 100e6, MaxFiles: 10, Level: slog.LevelInfo, Format: "auto"}, c.Log)
	require.Equal(t, []Project{{Path: w.cwd, Implied: true, RunEnv: Inherit}}, c.Projects)

	w.environ = append(w.environ, "XDG_STATE_HOME=/state")
	require.Equal(t, "/state/kedrod", w.load().DataDir)
	w.environ = []string{"XDG_STATE_HOME=relative"}
	_, _, err := w.try()
	require.ErrorContains(t, err, "set --data-dir")
}

func TestFlagsOverEnvironmentOverFileOverDefaults(t *testing.T) {
	w := newWorld(t)
	require.Equal(t, "default", source(w.load(), "drain_timeout"))
	path := w.file("kedrod.yaml", "drain_timeout: 30s\nlisten: 127.0.0.1:1\n")
	c := w.load()
	require.Equal(t, 30*time.Second, c.DrainTimeout)
	require.Equal(t, "file "+path, source(c, "drain_timeout"))
	w.environ = append(w.environ, "KEDROD_DRAIN_TIMEOUT=40s")
	c = w.load()
	require.Equal(t, 40*time.Second, c.DrainTimeout)
	require.Equal(t, "environment KEDROD_DRAIN_TIMEOUT", source(c, "drain_timeout"))
	c = w.load("--drain-timeout", "50s")
	require.Equal(t, 50*time.Second, c.DrainTimeout)
	require.Equal(t, "flag --drain-timeout", source(c, "drain_timeout"))
	require.Equal(t, "127.0.0.1:1", c.Listen)
	w.environ = append(w.environ, "KEDROD_DRAIN_TIMEOUT=")
	require.Equal(t, 30*time.Second, w.load().DrainTimeout, "an empty variable is none")
}

func TestEverySettingReachesTheConfig(t *testing.T) {
	w := newWorld(t)
	w.file("kedrod.yaml", `
listen: "[::1]:9000"
data_dir: data
concurrency: 3
stop_grace: {int: 1m, term: 500ms}
drain_timeout: 1h30m
unknown_fields: ignore
insecure_no_auth: true
rate_limit: {per_second: 2.5, burst: 7}
no_worker: yes
retention: {jobs: 90d, jobs_count: 1000, logs: 30d, logs_total: 20GB, log_size: 60MB, audit: 400d}
disk: {min_free: 1GB, ballast: 64MB}
metrics_public: true
log: {file: logs/k.log, max_size: 20MB, max_age: 30d, max_files: 5, level: debug, format: json}
worker_labels: {gpu: a100, site: ''}
# what holds anyway may be said
lease: 15s
projects:
  - name: sales
    path: sales
    python: .venv/bin/python
    run_env: strict
    pass_env: [AWS_PROFILE, B]
    env: {KEDRO_ENV: prod, DEBUG: 1, TOKEN_FILE: token, NOT: }
    timeout: 2d
    dynamic_registry: true
    warm: off
    runners: []
    conf_sources: []
    pipelines: {train: {concurrency: 1, timeout: 4h, write_conflicts: queue}, none: {write_conflicts: warn}}
    concurrency: 2
  - path: ~/other
    python: python3.12
`)
	w.file("token", "s3cret\n")
	c := w.load()
	require.Equal(t, "file "+c.File, source(c, "projects[0].concurrency"))
	require.Equal(t, "file "+c.File, source(c, "projects[0].pipelines.train.timeout"))
	require.Equal(t, "file "+c.File, source(c, "projects[0].pipelines.train.write_conflicts"))
	home := w.environ[0][len("HOME="):]
	c.values = nil
	require.Equal(t, Config{File: filepath.Join(w.cwd, "kedrod.yaml"), Listen: "[::1]:9000", DataDir: filepath.Join(w.cwd, "data"), Concurrency: 3,
		StopGrace: StopGrace{time.Minute, 500 * time.Millisecond}, DrainTimeout: 90 * time.Minute, UnknownFields: Ignore, InsecureNoAuth: true,
		RateLimit: RateLimit{2.5, 7}, NoWorker: true, WorkerLabels: map[string]string{"gpu": "a100", "site": ""}, Retention: Retention{90 * 24 * time.Hour, 1000, 30 * 24 * time.Hour, 20e9, 60e6, 400 * 24 * time.Hour}, Disk: Disk{1e9, 64e6}, MetricsPublic: true, Log: Log{filepath.Join(w.cwd, "logs", "k.log"), 20e6, 30 * 24 * time.Hour, 5, slog.LevelDebug, "json"}, Projects: []Project{
			{Name: "sales", Path: filepath.Join(w.cwd, "sales"), Python: filepath.Join(w.cwd, ".venv/bin/python"), RunEnv: Strict,
				PassEnv: []string{"AWS_PROFILE", "B"}, Env: map[string]string{"KEDRO_ENV": "prod", "DEBUG": "1", "TOKEN": "s3cret"},
				Timeout: 48 * time.Hour, DynamicRegistry: true, Concurrency: 2,
				Pipelines: map[string]Pipeline{"train": {1, 4 * time.Hour, true}, "none": {}}},
			{Path: filepath.Join(home, "other"), Python: "python3.12", RunEnv: Inherit, Env: map[string]string{}},
		}}, c)
}

func TestSecretsAreHidden(t *testing.T) {
	w := newWorld(t)
	w.file("kedrod.yaml", "projects: [{path: p, env: {TOKEN: hunter2, PW_FILE: pw}}]")
	w.file("pw", "hunter3")
	seen := 0
	for _, v := range w.load().Values() {
		require.NotContains(t, v.Value, "hunter")
		if v.Value == "***" {
			seen++
		}
	}
	require.Equal(t, 2, seen)
}

// TestTheDatabase is named by its URL or a file that holds it, and shown to nobody.
func TestTheDatabase(t *testing.T) {
	w := newWorld(t)
	c := w.load()
	require.Empty(t, c.DatabaseURL)
	require.Zero(t, c.Lease, "nobody else can take jobs")
	w.file("secret/url", "postgres://u:hunter2@file/d\n")
	w.file("kedrod.yaml", "database_url_file: secret/url")
	c = w.load()
	require.Equal(t, "postgres://u:hunter2@file/d", c.DatabaseURL)
	w.environ = append(w.environ, "KEDROD_DATABASE_URL=postgres://u:hunter2@environment/d")
	c = w.load()
	require.Equal(t, "postgres://u:hunter2@environment/d", c.DatabaseURL, "it wins over the file's")
	require.Equal(t, 15*time.Second, c.Lease)
	require.Equal(t, "postgres://u:hunter2@file/d", w.load("--database-url-file", "secret/url").DatabaseURL)
	require.Equal(t, "environment KEDROD_DATABASE_URL", source(c, "database_url"))
	for _, v := range c.Values() {
		require.NotContains(t, v.Value, "hunter2")
	}
	flags := pflag.NewFlagSet("keys", pflag.ContinueOnError)
	AddStoreFlags(flags)
	at, err := FindStore(flags, w.environ, w.cwd)
	require.NoError(t, err)
	require.Equal(t, "postgres://u:hunter2@environment/d", at.DatabaseURL)
	require.False(t, NamesStore(flags))
	require.NoError(t, flags.Parse([]string{"--data-dir", "here"}))
	at, err = FindStore(flags, w.environ, w.cwd)
	require.NoError(t, err)
	require.Equal(t, StoreAt{DataDir: filepath.Join(w.cwd, "here")}, at, "who names a folder means it")
	require.True(t, NamesStore(flags))

	w.environ = append(w.environ, "KEDROD_DATABASE_URL_FILE=secret/url")
	for want, args := range map[string][]string{
		"database_url: has a value and a file, which are given in one place; keep one": nil,

		"database_url_file: the file must hold the database's URL and nothing else": {"--database-url-file", "empty"},
	} {
		w.file("empty", "\n")
		_, _, err := w.try(args...)
		require.EqualError(t, err, want)
	}
	_, _, err = w.try("--database-url-file", "absent")
	require.ErrorContains(t, err, "database_url_file: the file can't be read")
}

// TestAWorkerListensNowhere, so that an address in its settings is nobody's affair.
func TestAWorkerListensNowhere(t *testing.T) {
	w := newWorld(t)
	w.file("kedrod.yaml", "listen: no-such-host.invalid:1\ndatabase_url: postgres://h/d")
	flags := pflag.NewFlagSet("worker", pflag.ContinueOnError)
	AddWorkerFlags(flags)
	require.Nil(t, flags.Lookup("listen"))
	require.NotNil(t, flags.Lookup("lease"))
	_, _, err := Load(flags, w.environ, w.cwd)
	require.NoError(t, err)
}

func TestWhereTheFileIs(t *testing.T) {
	w := newWorld(t)
	home := w.file("home/kedrod/kedrod.yaml", "concurrency: 1")
	w.environ = append(w.environ, "XDG_CONFIG_HOME="+filepath.Join(w.cwd, "home"))
	require.Equal(t, home, w.load().File)
	here := w.file("kedrod.yaml", "concurrency: 2")
	require.Equal(t, here, w.load().File)
	named := w.file("named.yaml", "concurrency: 3\nprojects: [{path: p}]")
	w.environ = append(w.environ, "KEDROD_CONFIG=named.yaml")
	require.Equal(t, 3, w.load().Concurrency)
	c := w.load("--config", "home/kedrod/kedrod.yaml")
	require.Equal(t, 1, c.Concurrency)
	require.Equal(t, "flag --config", source(c, "config"))
	require.Equal(t, filepath.Join(w.cwd, "p"), w.load("--config", named).Projects[0].Path)

	_, _, err := w.try("--config", "absent.yaml")
	require.True(t, fault.Is(err, fault.Invalid))
	require.ErrorContains(t, err, "absent.yaml can't be read")
}

func TestWhichProjects(t *testing.T) {
	w := newWorld(t)
	path := func(name string) string { return filepath.Join(w.cwd, name) }
	paths := func(c Config) (all []string) {
		for _, p := range c.Projects {
			all = append(all, p.Path)
		}
		return all
	}
	w.file("kedrod.yaml", "projects: [{path: a, name: A, timeout: 5m}, {path: b}]")
	require.Equal(t, []string{path("a"), path("b")}, paths(w.load()))

	w.environ = append(w.environ, "KEDRO_PROJECT_PATH=old")
	c := w.load()
	require.Equal(t, []string{path("old")}, paths(c))
	require.Equal(t, "environment KEDRO_PROJECT_PATH", source(c, "projects[0].path"))

	w.environ = append(w.environ, "KEDROD_PROJECT=x"+string(os.PathListSeparator)+"y")
	require.Equal(t, []string{path("x"), path("y")}, paths(w.load()))

	c = w.load("--project", "a", "--project", "/abs/z", "--python", "py/bin/python", "--pass-env", "ONE,TWO")
	require.Equal(t, []string{path("a"), "/abs/z"}, paths(c))
	require.Equal(t, "A", c.Projects[0].Name, "what the file says of that folder holds")
	require.Equal(t, 5*time.Minute, c.Projects[0].Timeout)
	require.Equal(t, path("py/bin/python"), c.Projects[1].Python)
	require.Equal(t, []string{"ONE", "TWO"}, c.Projects[0].PassEnv)
	require.Equal(t, "flag --python", source(c, "projects[0].python"))

	w.environ = w.environ[:1]
	w.file("kedrod.yaml", "projects: []")
	require.Empty(t, w.load().Projects, "an empty list is one")
}

func TestUnknownVariablesAreWarnings(t *testing.T) {
	w := newWorld(t)
	w.environ = append(w.environ, "KEDROD_LISTN=x", "KEDROD_ZZZZZZZZZZZZZ=1", "KEDROD_URL=http://x", "KEDROD_API_KEY=k", "KEDROD_JOB_ID=1", "OTHER=1")
	_, warnings, err := w.try()
	require.NoError(t, err)
	require.Equal(t, []Warning{
		{"KEDROD_LISTN", "KEDROD_LISTN is no setting and has no effect; KEDROD_LISTEN is the nearest"},
		{"KEDROD_ZZZZZZZZZZZZZ", "KEDROD_ZZZZZZZZZZZZZ is no setting and has no effect"},
	}, warnings)
}

func TestListeningWhereOthersReach(t *testing.T) {
	w := newWorld(t)
	for address, ok := range map[string]bool{"127.0.0.1:0": true, "127.8.8.8:1": true, "[::1]:8000": true, "localhost:8000": true, "[::ffff:127.0.0.1]:1": true,
		":8000": false, "0.0.0.0:8000": false, "[::]:8000": false, "10.0.0.1:8000": false, "[::ffff:10.0.0.1]:1": false, "no-such-host.invalid:1": false} {
		c, _, err := w.try("--listen", address)
		if address == "no-such-host.invalid:1" {
			require.True(t, fault.Is(err, fault.Invalid), address)
			require.ErrorContains(t, err, "can't be resolved", address)
		} else {
			require.NoError(t, err, address)
			require.Equal(t, !ok, c.Exposed, address)
		}
		c, _, err = w.try("--listen", address, "--insecure-no-auth")
		require.NoError(t, err, address)
		require.False(t, c.Exposed, "it is meant")
	}
}

// Each setting can be given by a flag, and says so if it is not yet supported.
func TestEveryFieldHasAFlag(t *testing.T) {
	fileOnly := map[string]string{ // of one project each: a flag could not say whose
		"name": "", "run_env": "", "env": "", "timeout": "", "dynamic_registry": "", "warm": "--warm for all", "concurrency": "", "run_memory": "--run-memory for all", "run_cpus": "--run-cpus for all",
		"runners": "", "conf_sources": "", "pipelines": "", "path": "--project", "pass_env": "--pass-env", "python": "--python"}
	flags := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	AddFlags(flags)
	for _, s := range append(settings(), projectFlags()...) {
		f := flags.Lookup(s.flag)
		require.NotNil(t, f, "%s has no flag", s.key)
		require.Equal(t, s.later, f.Hidden, s.key)
		require.True(t, s.later || s.usage != "", s.key)
	}
	for _, key := range projectKeys() {
		require.Contains(t, fileOnly, key)
	}
}

func TestLaterSettingsAreRefusedByName(t *testing.T) {
	values := map[string]string{
		"projects.warm": "auto",
		"celery_broker": "redis://h", "celery_backend": "redis://h"}
	for _, s := range settings() {
		if !s.later {
			continue
		}
		require.Contains(t, values, s.key)
		w := newWorld(t)
		_, _, err := w.try("--" + s.flag + "=" + values[s.key])
		require.True(t, fault.Is(err, fault.NotSupported), s.key)
		require.EqualError(t, err, "--"+s.flag+" is not supported in this version; remove it")
		w.environ = append(w.environ, s.env()+"="+values[s.key])
		_, _, err = w.try()
		require.EqualError(t, err, s.env()+" is not supported in this version; remove it")
		if s.secret {
			w.environ = []string{w.environ[0], s.env() + "_FILE=/x"}
			_, _, err = w.try()
			require.EqualError(t, err, s.env()+"_FILE is not supported in this version; remove it")
		}
	}
}

func TestRefusedFlags(t *testing.T) {
	for _, args := range [][]string{{"--listen", "8000"}, {"--listen", "unix:/x"}, {"--listen", "h:http"}, {"--concurrency", "0"}, {"--drain-timeout", "20"},
		{"--unknown-fields", "maybe"}, {"--worker-labels", "gpu"}, {"--worker-labels", "a=b,a=c"}, {"--worker-labels", "a:b=c"}, {"--no-worker=perhaps"}, {"--log-level", "info+1"}, {"--data-dir", " "}, {"--pass-env", "A-B"}, {"--pass-env", "KEDROD_X"},
		{"--project", "p", "--project", "./p"}} {
		_, _, err := newWorld(t).try(args...)
		var refused *fault.Error
		require.ErrorAs(t, err, &refused, "%v", args)
		require.Equal(t, fault.Invalid, refused.Code)
		require.NotEmpty(t, refused.Fields)
	}
}

func TestALeaseIsOfWorkersThatShareADatabase(t *testing.T) {
	w := newWorld(t)
	w.file("kedrod.yaml", "lease: 60s")
	_, _, err := Load(nil, w.environ, w.cwd)
	require.ErrorContains(t, err, "lease")
	w.file("kedrod.yaml", "lease: 60s\ndatabase_url: postgres://h/d")
	c, _, err := Load(nil, w.environ, w.cwd)
	require.NoError(t, err)
	require.Equal(t, time.Minute, c.Lease)
	for _, outside := range []string{"2s", "6m"} {
		w.file("kedrod.yaml", "lease: "+outside+"\ndatabase_url: postgres://h/d")
		_, _, err := Load(nil, w.environ, w.cwd)
		require.ErrorContains(t, err, "lease")
	}
}
