package config

import (
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// setting is one setting outside of a project: its name in the file, its flag, and
// how its text is read.
type setting struct {
	key      string // in the file, dotted
	flag     string
	usage    string
	fallback string             // the default as text; "" none
	boolean  bool               // the flag needs no value
	list     bool               // several values; as text, with commas
	secret   bool               // has a _FILE form, is never printed
	check    func(string) error // what is wrong with a text, as a sentence's end
	labels   bool               // a mapping in the file, KEY=VALUE,… elsewhere
	serve    bool               // of what listens: kedrod worker has no such flag
	later    bool               // of a later version: refused unless it is the default
}

// env is the name of the setting's variable.
func (s setting) env() string {
	return "KEDROD_" + strings.ToUpper(strings.ReplaceAll(s.flag, "-", "_"))
}

// settings lists all of them, in the order of the documentation.
func settings() []setting {
	return []setting{
		{key: "listen", flag: "listen", serve: true, usage: "address to listen on, HOST:PORT", fallback: "127.0.0.1:8000", check: isAddress},
		{key: "data_dir", flag: "data-dir", usage: "folder that holds jobs, logs and caches (default $XDG_STATE_HOME/kedrod)", check: isText},
		{key: "database_url", flag: "database-url", usage: "keep jobs in this PostgreSQL database, postgres://USER@HOST/DATABASE, in place of jobs.db in the data folder", secret: true, check: isText},
		{key: "database_url_file", flag: "database-url-file", usage: "file that holds the database's URL, which may have a password in it", check: isText},
		{key: "lease", flag: "lease", usage: "with a database: how long a worker may be out of touch with it before others take its jobs", fallback: "15s", check: isLease},
		{key: "concurrency", flag: "concurrency", usage: "how many runs at once", fallback: strconv.Itoa(min(runtime.NumCPU(), 4)), check: isCount},
		{key: "run_memory", flag: "run-memory", usage: "how much memory a run may use, such as 4GB (0B: any amount)", fallback: "0B", check: isRunMemory},
		{key: "run_cpus", flag: "run-cpus", usage: "how many CPUs a run may use at once, such as 1.5 (0: any number)", fallback: "0", check: isCPUs},
		{key: "stop_grace.int", flag: "stop-grace-int", usage: "how long a run has after SIGINT before SIGTERM", fallback: "5s", check: isDuration},
		{key: "stop_grace.term", flag: "stop-grace-term", usage: "how long a run has after SIGTERM before SIGKILL", fallback: "3s", check: isDuration},
		{key: "drain_timeout", flag: "drain-timeout", usage: "how long runs may go on after the first signal to stop", fallback: "20s", check: isDuration},
		{key: "unknown_fields", flag: "unknown-fields", serve: true, usage: "what becomes of unknown fields in a request: refuse or ignore", fallback: Refuse, check: oneOf(Refuse, Ignore)},
		{key: "insecure_no_auth", flag: "insecure-no-auth", serve: true, usage: "serve an address that others can reach without authentication", fallback: "false", boolean: true, check: isBool},
		{key: "rate_limit.per_second", flag: "rate-limit", serve: true, usage: "how many calls a second each key may make; 0: any number", fallback: "200", check: isRate},
		{key: "rate_limit.burst", flag: "rate-limit-burst", serve: true, usage: "how many calls a key may make at once", fallback: "400", check: isBurst},
		{key: "cors_origin", flag: "cors-origin", serve: true, usage: "origin whose pages may call from browsers, such as https://board.example; may be given several times", list: true, check: areOrigins},
		{key: "no_worker", flag: "no-worker", serve: true, usage: "run no jobs here", fallback: "false", boolean: true, check: isBool},
		{key: "worker_labels", flag: "worker-labels", usage: "what jobs may require of this worker, as KEY=VALUE,KEY=VALUE", labels: true, check: isLabels},
		{key: "retention.jobs", flag: "retention-jobs", serve: true, usage: "how long jobs are kept after their end, such as 90d (0: for ever)", fallback: "0", check: isDuration},
		{key: "retention.jobs_count", flag: "retention-jobs-count", serve: true, usage: "how many jobs are kept, the newest (0: all)", fallback: "0", check: isNumber},
		{key: "retention.logs", flag: "retention-logs", usage: "how long logs and run folders are kept after a job's end, such as 30d (0: as long as the job)", fallback: "0", check: isDuration},
		{key: "retention.logs_total", flag: "retention-logs-total", usage: "how much all logs and run folders may take, such as 20GB (0B: no bound)", fallback: "0B", check: isSize},
		{key: "retention.audit", flag: "retention-audit", serve: true, usage: "how long the audit knows who did what, such as 400d (0: for ever)", fallback: "0", check: isDuration},
		{key: "retention.log_size", flag: "retention-log-size", usage: "how much of one run's log is kept (0B: all of it)", fallback: "50MB", check: isLogSize},
		{key: "disk.min_free", flag: "disk-min-free", usage: "below how much free space no run is begun", fallback: "256MB", check: isSize},
		{key: "disk.ballast", flag: "disk-ballast", usage: "size of the file that is given up when the disk is full (0B: none)", fallback: "32MB", check: isSize},
		{key: "metrics_public", flag: "metrics-public", serve: true, usage: "GET /metrics needs no key", fallback: "false", boolean: true, check: isBool},
		{key: "webhook_allow_private", flag: "webhook-allow-private", serve: true, usage: "callback_url may lead to private, loopback and link-local addresses", fallback: "false", boolean: true, check: isBool},
		{key: "log.file", flag: "log-file", usage: "file for kedrod's own log in place of standard error", check: isText},
		{key: "log.max_size", flag: "log-max-size", usage: "at which size the log file is put aside and begun anew", fallback: "100MB", check: isLogFileSize},
		{key: "log.max_age", flag: "log-max-age", usage: "how long log files put aside are kept, in whole days (0: for ever)", fallback: "0", check: isDays},
		{key: "log.max_files", flag: "log-max-files", usage: "how many log files put aside are kept (0: all)", fallback: "10", check: isNumber},
		{key: "log.level", flag: "log-level", usage: "debug, info, warn or error", fallback: "info", check: isLevel},
		{key: "log.format", flag: "log-format", usage: "auto (text on a terminal, else JSON), text or json", fallback: "auto", check: oneOf("auto", "text", "json")},

		{key: "projects.warm", flag: "warm", later: true, fallback: "off", check: oneOf("auto", "on", "off")},
		{key: "celery_broker", flag: "celery-broker", later: true, secret: true, check: isText},
		{key: "celery_backend", flag: "celery-backend", later: true, secret: true, check: isText},
	}
}

// projectFlags are the flags, and variables, that speak of projects.
func projectFlags() []setting {
	return []setting{
		{key: "projects", flag: "project", usage: "folder of a Kedro project; may be given several times (default: the project around the working directory)"},
		{key: "python", flag: "python", usage: "Python interpreter of the projects"},
		{key: "pass_env", flag: "pass-env", usage: "names of variables that runs get whatever run_env says, as A,B"},
	}
}

// sameAsDefault reports whether a later setting is set to what holds anyway.
func (s setting) sameAsDefault(text string) bool {
	if text == s.fallback {
		return true
	}
	a, errA := ParseDuration(text)
	b, errB := ParseDuration(s.fallback)
	if errA == nil && errB == nil {
		return a == b
	}
	on, err := parseBool(text)
	return err == nil && s.boolean && !on
}

func isText(text string) error {
	if strings.TrimSpace(text) == "" {
		return fmt.Errorf("must not be blank")
	}
	if strings.ContainsRune(text, 0) {
		return fmt.Errorf("must not contain a NUL byte")
	}
	return nil
}

func isCount(text string) error {
	_, err := parseCount(text)
	return err
}

//kedrod:parser FuzzWords
func parseCount(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 1024 {
		return 0, fmt.Errorf("must be a whole number from 1 to 1024")
	}
	return n, nil
}

func isRate(text string) error {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || !(x == 0 || (x >= 0.01 && x <= 1e6)) {
		return fmt.Errorf("must be a number from 0.01 to 1000000, or 0 for no limit")
	}
	return nil
}

func isBurst(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 1e6 {
		return fmt.Errorf("must be a whole number from 1 to 1000000")
	}
	return nil
}

func isBool(text string) error {
	_, err := parseBool(text)
	return err
}

//kedrod:parser FuzzWords
func parseBool(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "1", "yes", "on":
		return true, nil
	case "false", "0", "no", "off":
		return false, nil
	}
	return false, fmt.Errorf("must be true or false")
}

func isDuration(text string) error {
	_, err := ParseDuration(text)
	return err
}

func isNumber(text string) error {
	if n, err := strconv.Atoi(text); err != nil || n < 0 {
		return fmt.Errorf("must be a whole number, 0 or more")
	}
	return nil
}

// isRunMemory: an interpreter alone takes some.
func isRunMemory(text string) error {
	if n, err := ParseSize(text); err != nil {
		return err
	} else if n != 0 && n < 16<<20 {
		return fmt.Errorf("must be 16MiB or more, or 0B for any amount")
	}
	return nil
}

func isCPUs(text string) error {
	_, err := parseCPUs(text)
	return err
}

//kedrod:parser FuzzWords
func parseCPUs(text string) (float64, error) {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || !(x == 0 || (x >= 0.01 && x <= 1024)) {
		return 0, fmt.Errorf("must be a number from 0.01 to 1024, or 0 for any number")
	}
	return x, nil
}

// isLogSize: a log's head alone takes some room.
func isLogSize(text string) error {
	if n, err := ParseSize(text); err != nil {
		return err
	} else if n != 0 && n < 1<<20 {
		return fmt.Errorf("must be 1MiB or more, or 0B for no bound")
	}
	return nil
}

// isLogFileSize: the library counts whole megabytes.
func isLogFileSize(text string) error {
	if n, err := ParseSize(text); err != nil {
		return err
	} else if n < 1<<20 {
		return fmt.Errorf("must be 1MiB or more")
	}
	return nil
}

func isDays(text string) error {
	if d, err := ParseDuration(text); err != nil {
		return err
	} else if d%(24*time.Hour) != 0 {
		return fmt.Errorf("must be whole days, such as 30d")
	}
	return nil
}

func isSize(text string) error {
	_, err := ParseSize(text)
	return err
}

func isLevel(text string) error {
	_, err := parseLevel(text)
	return err
}

//kedrod:parser FuzzWords
func parseLevel(text string) (slog.Level, error) {
	var level slog.Level
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, strings.ToLower(text)) || level.UnmarshalText([]byte(text)) != nil {
		return 0, fmt.Errorf("must be debug, info, warn or error")
	}
	return level, nil
}

func oneOf(words ...string) func(string) error {
	return func(text string) error {
		if slices.Contains(words, text) {
			return nil
		}
		return fmt.Errorf("must be %s or %s", strings.Join(words[:len(words)-1], ", "), words[len(words)-1])
	}
}

//kedrod:parser FuzzWords
func isAddress(text string) error {
	if strings.HasPrefix(text, "unix:") || strings.HasPrefix(text, "/") {
		return fmt.Errorf("unix sockets are not supported: give HOST:PORT")
	}
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return fmt.Errorf("must be HOST:PORT, such as 127.0.0.1:8000 or [::1]:8000")
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("the port must be a number from 0 to 65535")
	}
	return nil
}

// maxDuration bounds every duration: ten years.
const maxDuration = 10 * 366 * 24 * time.Hour
