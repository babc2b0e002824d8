package kedro

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kedrod/kedrod/internal/fault"
)

// EnvPolicy says what a project's runs may see of the service's environment.
type EnvPolicy struct {
	Strict   bool              // run_env: strict; else inherit
	PassEnv  []string          // names added in both; one that is not set is no error
	Env      map[string]string // values; NAME_FILE sets NAME to the content of the file
	Postgres bool              // the store is PostgreSQL: PG* is ours
	Hidden   []string          // values of ours (DSNs, keys): a variable that holds one is left out
}

// RunEnv is what one run is told.
type RunEnv struct {
	JobID         string
	Attempt       int
	RunDir        string
	HookDir       string   // Helpers.HookDir; first on PYTHONPATH
	EventsPath    string   // where the hook writes; "" leaves it silent
	LogEvents     bool     // log records as events too
	FullRegistry  bool     // Registry.NeedsFull
	SaveVersions  string   // file by which runs get save versions of their own; "" leaves that to the clock
	PycachePrefix string   // PYTHONPYCACHEPREFIX; "" where the project's own can be written
	Extra         []string // NAME=value, last: the executor's marker
}

// Environment makes a run's environment: base (as os.Environ gives it), less what
// is ours, plus the policy's, plus ours for this run, each name once, in the order
// of their names. The only errors are fault.Invalid, for a NAME_FILE that can't be
// read.
func Environment(base []string, p EnvPolicy, run RunEnv) ([]string, error) {
	env := map[string]string{}
	for _, entry := range base {
		name, value, ok := strings.Cut(entry, "=")
		if !ok || name == "" || ours(name, value, p) {
			continue
		}
		passed := slices.Contains(p.PassEnv, name)
		if passed || (!p.Strict && !serviceOwn(name, p)) || (p.Strict && strictName(name)) {
			env[name] = value
		}
	}
	for name, value := range p.Env {
		if plain, isFile := strings.CutSuffix(name, "_FILE"); isFile && plain != "" {
			content, err := os.ReadFile(value)
			if err != nil {
				return nil, fault.Wrap(err, fault.Invalid, fmt.Sprintf("the project's setting env.%s names a file that can't be read: correct it", name))
			}
			name, value = plain, strings.TrimRight(string(content), "\r\n")
		}
		env[name] = value
	}
	runVariables(env, run)
	for _, entry := range run.Extra {
		if name, value, ok := strings.Cut(entry, "="); ok {
			env[name] = value
		}
	}
	out := make([]string, 0, len(env))
	for name, value := range env {
		out = append(out, name+"="+value)
	}
	return sorted(out), nil
}

// HelperEnvironment is the environment of the registry helper: a run's, without a
// job.
func HelperEnvironment(base []string, p EnvPolicy, pycachePrefix string) ([]string, error) {
	return Environment(base, p, RunEnv{PycachePrefix: pycachePrefix})
}

func runVariables(env map[string]string, run RunEnv) {
	env["DO_NOT_TRACK"] = "1"
	env["PYTHONUNBUFFERED"] = "1"
	env["COLUMNS"] = "300"
	set := func(name, value string) {
		if value != "" {
			env[name] = value
		}
	}
	set("KEDROD_JOB_ID", run.JobID)
	if run.Attempt > 0 {
		env["KEDROD_ATTEMPT"] = fmt.Sprint(run.Attempt)
	}
	set("KEDROD_RUN_DIR", run.RunDir)
	set("KEDROD_EVENTS", run.EventsPath)
	set("KEDROD_SAVE_VERSIONS", run.SaveVersions)
	set("PYTHONPYCACHEPREFIX", run.PycachePrefix)
	if run.LogEvents {
		env["KEDROD_EVENTS_LOG"] = "1"
	}
	if run.FullRegistry {
		env["KEDROD_FULL_REGISTRY"] = "1"
	}
	if run.HookDir != "" {
		if old := env["PYTHONPATH"]; old != "" {
			env["PYTHONPATH"] = run.HookDir + string(filepath.ListSeparator) + old
		} else {
			env["PYTHONPATH"] = run.HookDir
		}
	}
}

// ours is what no run may see, whatever the settings say.
func ours(name, value string, p EnvPolicy) bool {
	if strings.HasPrefix(name, "KEDROD_") || name == "PYTHONDONTWRITEBYTECODE" {
		return true
	}
	for _, hidden := range p.Hidden {
		if hidden != "" && strings.Contains(value, hidden) {
			return true
		}
	}
	return systemd(name)
}

// serviceOwn is what a run sees only if pass_env names it.
func serviceOwn(name string, p EnvPolicy) bool {
	return name == "CELERY_BROKER_URL" || name == "CELERY_RESULT_BACKEND" || name == "CELERY_BROKER_READ_URL" || name == "CELERY_BROKER_WRITE_URL" ||
		p.Postgres && strings.HasPrefix(name, "PG")
}

// systemd: it hands these to its service alone; a child that has them speaks in the
// service's name (systemd.exec(5), sd_listen_fds(3), sd_notify(3)).
func systemd(name string) bool {
	return slices.Contains([]string{
		"NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "LISTEN_PIDFDID", "WATCHDOG_USEC", "WATCHDOG_PID", "MAINPID", "MANAGERPID",
		"INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID", "CREDENTIALS_DIRECTORY", "RUNTIME_DIRECTORY", "STATE_DIRECTORY",
		"CACHE_DIRECTORY", "LOGS_DIRECTORY", "CONFIGURATION_DIRECTORY", "MEMORY_PRESSURE_WATCH", "MEMORY_PRESSURE_WRITE", "FDSTORE",
	}, name)
}

// strictName is what run_env: strict lets through.
func strictName(name string) bool {
	return strings.HasPrefix(name, "LC_") || slices.Contains([]string{
		"PATH", "HOME", "LANG", "TZ", "TMPDIR", "VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV",
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy",
	}, name)
}
