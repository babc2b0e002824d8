package config

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/nearest"
)

// layered is a value and where it came from.
type layered struct {
	text   string
	source string
}

// loader brings the layers together.
type loader struct {
	flags    *pflag.FlagSet
	environ  map[string]string
	cwd      string
	path     string // of the settings file; "" none
	file     file
	values   map[string]layered
	warnings []Warning
	wrong    problems
}

// Load finds out what holds: flags (those of AddFlags; nil: none) over environment
// ("NAME=value") over file over defaults. Relative paths in flags and variables start
// at cwd, those of a file at its folder. Its errors are *fault.Error and name every
// refused setting.
func Load(flags *pflag.FlagSet, environ []string, cwd string) (Config, []Warning, error) {
	l := newLoader(flags, environ, cwd)
	if err := l.readFile(); err != nil {
		return Config{}, nil, err
	}
	l.warnUnknown()
	for _, s := range settings() {
		l.layer(s)
	}
	if err := l.wrong.fault(); err != nil {
		return Config{}, nil, err
	}
	c, err := l.config()
	if err != nil {
		return Config{}, nil, err
	}
	return c, l.warnings, nil
}

func newLoader(flags *pflag.FlagSet, environ []string, cwd string) *loader {
	l := &loader{flags: flags, environ: map[string]string{}, cwd: cwd, values: map[string]layered{}}
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok {
			l.environ[name] = value
		}
	}
	return l
}

// readFile finds and reads the settings file: the one that is named, or the first of
// the usual places that is there.
func (l *loader) readFile() error {
	named, ok := flagText(l.flags, "config")
	if !ok {
		named = l.environ["KEDROD_CONFIG"]
	}
	if named != "" {
		l.path = l.absolute(named, l.cwd)
	} else {
		for _, place := range l.places() {
			if _, err := os.Stat(place); err == nil {
				l.path = place
				break
			}
		}
	}
	if l.path == "" {
		return nil
	}
	var err error
	l.file, err = readFile(l.path)
	return err
}

func (l *loader) places() []string {
	places := []string{filepath.Join(l.cwd, "kedrod.yaml")}
	if dir := l.xdg("XDG_CONFIG_HOME", ".config"); dir != "" {
		places = append(places, filepath.Join(dir, "kedrod", "kedrod.yaml"))
	}
	return append(places, "/etc/kedrod/kedrod.yaml")
}

// xdg gives a folder of the XDG base directory specification, "" without a home.
func (l *loader) xdg(variable, below string) string {
	if dir := l.environ[variable]; filepath.IsAbs(dir) {
		return dir
	}
	if home := l.environ["HOME"]; home != "" {
		return filepath.Join(home, below)
	}
	return ""
}

// layer finds the value of one setting and checks it.
func (l *loader) layer(s setting) {
	value, field := layered{text: s.fallback, source: "default"}, s.key
	if text, ok := l.file.values[s.key]; ok {
		value = layered{text, "file " + l.path}
	}
	if text := l.environ[s.env()]; text != "" {
		value, field = layered{text, "environment " + s.env()}, s.env()
	}
	if l.environ[s.env()+"_FILE"] != "" && s.secret && s.later {
		l.wrong.add(fault.NotSupported, "", s.env()+"_FILE", notSupported)
	}
	if text, ok := flagText(l.flags, s.flag); ok {
		value, field = layered{text, "flag --" + s.flag}, "--"+s.flag
	}
	l.values[s.key] = value
	if value.source == "default" || strings.HasPrefix(value.source, "file ") {
		return
	}
	if err := s.check(value.text); err != nil {
		l.wrong.add(fault.Invalid, "", field, err.Error())
		return
	}
	if s.later && !s.sameAsDefault(value.text) {
		l.wrong.add(fault.NotSupported, "", field, notSupported)
	}
}

// config turns checked texts into values.
func (l *loader) config() (Config, error) {
	c := Config{File: l.path, Listen: l.text("listen"), UnknownFields: l.text("unknown_fields")}
	c.DataDir = l.dataDir()
	var err error
	if c.DatabaseURL, err = l.databaseURL(); err != nil {
		return Config{}, err
	}
	if c.Lease, err = l.lease(c.DatabaseURL); err != nil {
		return Config{}, err
	}
	c.Concurrency, _ = strconv.Atoi(l.text("concurrency"))
	c.RunMemory, _ = ParseSize(l.text("run_memory"))
	c.RunCPUs, _ = parseCPUs(l.text("run_cpus"))
	c.StopGrace.Int, _ = ParseDuration(l.text("stop_grace.int"))
	c.StopGrace.Term, _ = ParseDuration(l.text("stop_grace.term"))
	c.DrainTimeout, _ = ParseDuration(l.text("drain_timeout"))
	c.InsecureNoAuth, _ = parseBool(l.text("insecure_no_auth"))
	c.RateLimit.PerSecond, _ = strconv.ParseFloat(l.text("rate_limit.per_second"), 64)
	c.RateLimit.Burst, _ = strconv.Atoi(l.text("rate_limit.burst"))
	c.CORSOrigins = splitList(l.text("cors_origin"))
	c.WorkerLabels, _ = parseLabels(l.text("worker_labels"))
	c.NoWorker, _ = parseBool(l.text("no_worker"))
	c.Retention.Jobs, _ = ParseDuration(l.text("retention.jobs"))
	c.Retention.JobsCount, _ = strconv.Atoi(l.text("retention.jobs_count"))
	c.Retention.Logs, _ = ParseDuration(l.text("retention.logs"))
	c.Retention.LogsTotal, _ = ParseSize(l.text("retention.logs_total"))
	c.Retention.Audit, _ = ParseDuration(l.text("retention.audit"))
	c.Retention.LogSize, _ = ParseSize(l.text("retention.log_size"))
	c.Disk.MinFree, _ = ParseSize(l.text("disk.min_free"))
	c.Disk.Ballast, _ = ParseSize(l.text("disk.ballast"))
	c.MetricsPublic, _ = parseBool(l.text("metrics_public"))
	c.WebhookAllowPrivate, _ = parseBool(l.text("webhook_allow_private"))
	if c.Log.File = l.text("log.file"); c.Log.File != "" {
		base := l.cwd
		if strings.HasPrefix(l.values["log.file"].source, "file ") {
			base = filepath.Dir(l.path)
		}
		c.Log.File = l.absolute(c.Log.File, base)
	}
	c.Log.MaxSize, _ = ParseSize(l.text("log.max_size"))
	c.Log.MaxAge, _ = ParseDuration(l.text("log.max_age"))
	c.Log.MaxFiles, _ = strconv.Atoi(l.text("log.max_files"))
	c.Log.Level, _ = parseLevel(l.text("log.level"))
	c.Log.Format = l.text("log.format")
	if c.DataDir == "" {
		return Config{}, noHome()
	}
	projects, source, err := l.projects()
	if err != nil {
		return Config{}, err
	}
	c.Projects = projects
	l.describe(&c, source)
	if !c.InsecureNoAuth && l.listens() {
		c.Exposed, err = exposed(c.Listen)
	}
	return c, err
}

func noHome() error {
	return fault.InvalidField("data_dir", "there is no home folder to put it in: set --data-dir")
}

func (l *loader) text(key string) string { return l.values[key].text }

func (l *loader) dataDir() string {
	v := l.values["data_dir"]
	switch {
	case v.source == "default":
		if dir := l.xdg("XDG_STATE_HOME", filepath.Join(".local", "state")); dir != "" {
			return filepath.Join(dir, "kedrod")
		}
		return ""
	case strings.HasPrefix(v.source, "file "):
		return l.absolute(v.text, filepath.Dir(l.path))
	}
	return l.absolute(v.text, l.cwd)
}

// absolute resolves a path against base; ~/ is the home folder.
func (l *loader) absolute(path, base string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok && l.environ["HOME"] != "" {
		return filepath.Join(l.environ["HOME"], rest)
	}
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(base, path)
}

// warnUnknown finds variables that look like settings and are none.
func (l *loader) warnUnknown() {
	known := []string{"KEDROD_CONFIG", "KEDROD_URL", "KEDROD_API_KEY", "KEDROD_API_KEY_FILE",
		// of a run, where kedrod is called by one
		"KEDROD_JOB_ID", "KEDROD_ATTEMPT", "KEDROD_RUN_DIR", "KEDROD_MARKER"}
	for _, s := range append(settings(), projectFlags()...) {
		known = append(known, s.env())
		if s.secret {
			known = append(known, s.env()+"_FILE")
		}
	}
	for name := range l.environ {
		if !strings.HasPrefix(name, "KEDROD_") || slices.Contains(known, name) {
			continue
		}
		message := name + " is no setting and has no effect"
		if near := nearest.Names(name, known, 1); len(near) > 0 {
			message += "; " + near[0] + " is the nearest"
		}
		l.warnings = append(l.warnings, Warning{Name: name, Message: message})
	}
	slices.SortFunc(l.warnings, func(a, b Warning) int { return strings.Compare(a.Name, b.Name) })
}
