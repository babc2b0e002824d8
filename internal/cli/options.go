package cli

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/config"
)

// submission holds the flags of submit that become fields of a submission, as they
// are written; build reads them.
type submission struct {
	s                                  client.Submission
	params, texts                      []string
	paramsFile                         string
	loadVersions, requires, labels     []string
	env, confSource, runner            string
	runnerParams                       string
	isAsync, onlyMissing               bool
	userID, runAt, delay, expiresAt    string
	timeout, concurrencyKey, callback  string
	maxAttempts, maxRecoveries, atOnce int
}

func (f *submission) flags(flags *pflag.FlagSet) {
	flags.StringArrayVarP(&f.params, "param", "p", nil, "a parameter, key=JSON; a dotted key makes nested objects")
	flags.StringArrayVarP(&f.texts, "string", "s", nil, "a parameter whose value is text, key=TEXT")
	flags.StringVar(&f.paramsFile, "params", "", "file of parameters, JSON or YAML; - is standard input; -p and -s go over it")

	list := func(to *[]string, name, usage string) { flags.StringSliceVar(to, name, nil, usage+", as A,B") }
	list(&f.s.Tags, "tags", "run only nodes with any of these tags")
	list(&f.s.NodeNames, "node-names", "run only these nodes")
	list(&f.s.FromNodes, "from-nodes", "run from these nodes on")
	list(&f.s.ToNodes, "to-nodes", "run up to these nodes")
	list(&f.s.FromInputs, "from-inputs", "run from the nodes that take these datasets")
	list(&f.s.ToOutputs, "to-outputs", "run up to the nodes that make these datasets")
	list(&f.s.Namespaces, "namespaces", "run only the nodes of these namespaces")
	list(&f.s.PipelineNames, "pipeline-names", "several pipelines as one run, in place of PIPELINE")
	list(&f.loadVersions, "load-versions", "versions to load, DATASET:VERSION")
	flags.StringVar(&f.env, "env", "", "Kedro's configuration environment")
	flags.StringVar(&f.confSource, "conf-source", "", "folder or archive with the configuration")
	flags.StringVar(&f.runner, "runner", "", "Kedro runner")
	flags.StringVar(&f.runnerParams, "runner-params", "", "arguments of the runner, a JSON object")
	flags.BoolVar(&f.isAsync, "is-async", false, "load and save datasets in threads")
	flags.BoolVar(&f.onlyMissing, "only-missing-outputs", false, "run only nodes whose outputs are missing")

	flags.StringVar(&f.s.Project, "project", "", "which project, where several are served")
	flags.StringVar(&f.userID, "user-id", "", "free text of your own, to find the job by")
	flags.IntVar(&f.s.Priority, "priority", 0, "higher first; a step is a head start of ten minutes")
	flags.StringVar(&f.runAt, "run-at", "", "not before this time, such as 2026-11-25T06:00:00Z")
	flags.StringVar(&f.delay, "delay", "", "not before this long from now, such as 10m; in place of --run-at")
	flags.StringVar(&f.expiresAt, "expires-at", "", "fail as expired if it has not started by then")
	flags.StringVar(&f.timeout, "timeout", "", "time limit of the run, seconds or a duration such as 30m")
	flags.IntVar(&f.maxAttempts, "max-attempts", 1, "tries")
	list(&f.s.RetryOn, "retry-on", "reasons that are worth another try")
	flags.IntVar(&f.maxRecoveries, "max-recoveries", 3, "runs after a lost worker")
	flags.StringVar(&f.concurrencyKey, "concurrency-key", "", "jobs of one key share its limit")
	flags.IntVar(&f.atOnce, "concurrency-limit", 1, "how many jobs of the key run at once")
	list(&f.requires, "requires", "labels that a worker must have, KEY=VALUE")
	list(&f.labels, "labels", "words of your own on the job, KEY=VALUE")
	flags.StringVar(&f.callback, "callback-url", "", "is sent the job at its end")
}

// build reads the flags that were given.
func (a *app) build(f *submission, flags *pflag.FlagSet, args []string) (client.Submission, error) {
	s := f.s
	if len(args) > 0 {
		s.PipelineName = args[0]
	}
	var p parameters
	if f.paramsFile != "" {
		if err := p.file(f.paramsFile, a.Streams.In, a.Dir); err != nil {
			return s, err
		}
	}
	for _, written := range f.params {
		if err := a.param(&p, written); err != nil {
			return s, err
		}
	}
	for _, written := range f.texts {
		key, value, err := pair("-s", written)
		if err != nil {
			return s, err
		}
		value = strings.ToValidUTF8(value, "\uFFFD")
		text, err := marshal(value)
		if err == nil {
			err = p.set(key, text)
		}
		if err != nil {
			return s, usagef("-s: %v", err)
		}
	}
	var err error
	if s.Parameters, err = p.json(); err != nil {
		return s, err
	}
	if f.runnerParams != "" {
		var object map[string]json.RawMessage
		if json.Unmarshal([]byte(f.runnerParams), &object) != nil || object == nil {
			return s, usagef("--runner-params must be a JSON object, such as '{\"max_workers\": 2}'")
		}
		s.RunnerParams = json.RawMessage(f.runnerParams)
	}
	f.pointers(&s, flags)
	return s, a.readTexts(f, &s)
}

// pointers fills the fields where "not given" differs from the zero value.
func (f *submission) pointers(s *client.Submission, flags *pflag.FlagSet) {
	given := func(name string) bool { return flags.Changed(name) }
	for name, field := range map[string]struct {
		to   **string
		from *string
	}{
		"env": {&s.Env, &f.env}, "conf-source": {&s.ConfSource, &f.confSource}, "runner": {&s.Runner, &f.runner},
		"user-id": {&s.UserID, &f.userID}, "concurrency-key": {&s.ConcurrencyKey, &f.concurrencyKey},
		"callback-url": {&s.CallbackURL, &f.callback},
	} {
		if given(name) {
			*field.to = field.from
		}
	}
	if given("is-async") {
		s.IsAsync = &f.isAsync
	}
	if given("only-missing-outputs") {
		s.OnlyMissingOutputs = &f.onlyMissing
	}
	if given("max-attempts") {
		s.MaxAttempts = &f.maxAttempts
	}
	if given("max-recoveries") {
		s.MaxRecoveries = &f.maxRecoveries
	}
	if given("concurrency-limit") {
		s.ConcurrencyLimit = &f.atOnce
	}
}

// readTexts reads times, durations and pairs.
func (a *app) readTexts(f *submission, s *client.Submission) error {
	var err error
	if s.RunAt, err = moment("--run-at", f.runAt); err != nil {
		return err
	}
	if s.ExpiresAt, err = moment("--expires-at", f.expiresAt); err != nil {
		return err
	}
	if s.DelaySeconds, err = secondsOf("--delay", f.delay); err != nil {
		return err
	}
	if s.TimeoutSeconds, err = secondsOf("--timeout", f.timeout); err != nil {
		return err
	}
	if s.Requires, err = pairs("--requires", "=", f.requires); err != nil {
		return err
	}
	if s.Labels, err = pairs("--labels", "=", f.labels); err != nil {
		return err
	}
	s.LoadVersions, err = pairs("--load-versions", "=:", f.loadVersions)
	return err
}

func moment(flag, text string) (*client.Time, error) {
	if text == "" {
		return nil, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, usagef("%s must be a time with its zone, such as 2026-11-25T06:00:00Z or 2026-11-25T06:00:00+01:00", flag)
	}
	return &client.Time{Time: t}, nil
}

// secondsOf reads a number of seconds, or a duration with its unit.
func secondsOf(flag, text string) (*float64, error) {
	if text == "" {
		return nil, nil
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil && n >= 0 && n < 1e10 {
		return &n, nil
	}
	d, err := config.ParseDuration(text)
	if err != nil {
		return nil, usagef("%s must be seconds or a duration, such as 90, 30m or 2h", flag)
	}
	n := d.Seconds()
	return &n, nil
}

// pairs reads NAME=VALUE; separators lists what may stand between, the last of which
// in the text counts.
func pairs(flag, separators string, list []string) (map[string]string, error) {
	if len(list) == 0 {
		return nil, nil
	}
	read := map[string]string{}
	for _, item := range list {
		at := strings.IndexByte(item, separators[0])
		if at < 0 && len(separators) > 1 {
			at = strings.LastIndexByte(item, separators[1])
		}
		if at <= 0 {
			return nil, usagef("%s takes NAME%cVALUE, not %s", flag, separators[len(separators)-1], quote(item))
		}
		read[item[:at]] = item[at+1:]
	}
	return read, nil
}
