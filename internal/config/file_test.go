package config

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
)

func TestFileRefusals(t *testing.T) {
	tests := []struct{ text, field, want string }{
		{"listn: x", "listn", "k.yaml:1: listn: there is no such setting; listen is the nearest"},
		{"\nzzzzzzzzz: x", "zzzzzzzzz", "k.yaml:2: zzzzzzzzz: there is no such setting"},
		{"projects:\n- path: p\n  pythn: x", "projects[0].pythn", "k.yaml:3: projects[0].pythn: there is no such setting; projects[0].python is the nearest"},
		{"stop_grace: {ind: 5s}", "stop_grace.ind", "k.yaml:1: stop_grace.ind: there is no such setting; stop_grace.int is the nearest"},
		{"log.level: debug", "log.level", ""},
		{"stop_grace: 5s", "stop_grace", "k.yaml:1: stop_grace must hold int, term"},
		{"drain_timeout: 20", "drain_timeout", "k.yaml:1: drain_timeout must be a duration with its unit, such as 500ms, 15s, 30m, 1h30m or 90d"},
		{"worker_labels: {a: 'b,c'}", "worker_labels.a", "k.yaml:1: worker_labels.a: a label can't hold a comma, nor its name ="},
		{"worker_labels: [a]", "worker_labels", "k.yaml:1: worker_labels must be a single value"},
		{"worker_labels: gpu", "worker_labels", "k.yaml:1: worker_labels must be KEY=VALUE,KEY=VALUE: a key of 1 to 63 bytes without colon, a value of at most 255"},
		{"concurrency: many", "concurrency", "k.yaml:1: concurrency must be a whole number from 1 to 1024"},
		{"concurrency: [1]", "concurrency", "k.yaml:1: concurrency must be a single value"},
		{"listen: a:1\nlisten: b:2", "", ""},
		{"<<: {listen: x}", "<<", ""},
		{"? [a]\n: b", "", "k.yaml:1: every key must be a plain word"},
		{"projects: {}", "projects", "k.yaml:1: projects must be a list: begin each project with a dash"},
		{"projects: [p]", "projects[0]", "k.yaml:1: projects[0] must hold at least path: FOLDER"},
		{"projects: [{name: x}]", "projects[0].path", "k.yaml:1: projects[0].path is needed: the project's folder"},
		{"projects: [{path: p, run_env: none}]", "projects[0].run_env", "k.yaml:1: projects[0].run_env must be inherit or strict"},
		{"projects: [{path: p, timeout: 0}]", "projects[0].timeout", "k.yaml:1: projects[0].timeout must be more than 0 and at most 366 days"},
		{"projects: [{path: p, pass_env: [A-B]}]", "projects[0].pass_env", "k.yaml:1: projects[0].pass_env must be names of variables: letters, digits and _"},
		{"projects: [{path: p, env: {KEDROD_X: y}}]", "projects[0].env.KEDROD_X", "k.yaml:1: projects[0].env.KEDROD_X: KEDROD_ variables are kedrod's own and never given to a run"},
		{"projects: [{path: p, env: {A: x, A_FILE: y}}]", "projects[0].env.A", "k.yaml:1: projects[0].env.A has a value and a _FILE; keep one"},
		{"projects: [{path: p, warm: auto}]", "projects[0].warm", "k.yaml:1: projects[0].warm is not supported in this version; remove it"},
		{"projects: [{path: p, concurrency: 0}]", "projects[0].concurrency", "k.yaml:1: projects[0].concurrency must be a whole number from 1 to 1024"},
		{"projects: [{path: p, pipelines: [a]}]", "projects[0].pipelines", "k.yaml:1: projects[0].pipelines must hold PIPELINE: {concurrency: N, timeout: DURATION, write_conflicts: warn|queue}"},
		{"projects: [{path: p, pipelines: {a: 1}}]", "projects[0].pipelines.a", "k.yaml:1: projects[0].pipelines.a must hold concurrency, timeout, write_conflicts"},
		{"projects: [{path: p, pipelines: {' ': {}}}]", "projects[0].pipelines", "k.yaml:1: projects[0].pipelines: the name of a pipeline must not be blank"},
		{"projects: [{path: p, pipelines: {a: {concurrency: x}}}]", "projects[0].pipelines.a.concurrency", "k.yaml:1: projects[0].pipelines.a.concurrency must be a whole number from 1 to 1024"},
		{"projects: [{path: p, pipelines: {a: {timeout: 0s}}}]", "projects[0].pipelines.a.timeout", "k.yaml:1: projects[0].pipelines.a.timeout must be more than 0 and at most 366 days"},
		{"projects: [{path: p, pipelines: {a: {slots: 1}}}]", "projects[0].pipelines.a.slots", "k.yaml:1: projects[0].pipelines.a.slots: there is no such setting"},
		{"projects: [{path: p, runners: [A]}]", "projects[0].runners", "k.yaml:1: projects[0].runners is not supported in this version; remove it"},
		{"projects: [{path: p, conf_sources: [A]}]", "projects[0].conf_sources", "k.yaml:1: projects[0].conf_sources is not supported in this version; remove it"},
		{"projects: [{path: p, pipelines: {a: {write_conflicts: on}}}]", "projects[0].pipelines.a.write_conflicts", "k.yaml:1: projects[0].pipelines.a.write_conflicts must be warn or queue"},
		{"celery_broker: redis://u:hunter2@h/d", "celery_broker", "k.yaml:1: celery_broker is not supported in this version; remove it"},
		{"celery_broker_file: /x", "celery_broker_file", "k.yaml:1: celery_broker_file is not supported in this version; remove it"},
		{"database_url: {password: hunter2}", "database_url", "k.yaml:1: database_url must be a single value"},
		{"cors_origin: [\"https://a.example\", \"*\"]", "cors_origin", "k.yaml:1: cors_origin must name origins: with * a page of any site could call"},
		{"- a", "", "k.yaml must hold settings, one KEY: VALUE a line"},
		{"a: [", "", "k.yaml is no YAML: line 1: did not find expected node content"},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			_, err := parseFile([]byte(test.text), "k.yaml")
			var refused *fault.Error
			require.ErrorAs(t, err, &refused)
			if test.want != "" {
				require.Equal(t, test.want, refused.Error())
			}
			if test.field != "" {
				require.Equal(t, test.field, refused.Fields[0].Field)
			}
			require.NotContains(t, refused.Error(), "hunter2")
		})
	}
}

func TestEveryMistakeIsNamedAtOnce(t *testing.T) {
	_, err := parseFile([]byte("listn: x\nconcurrency: 0\nprojects: [{pth: x}]"), "k.yaml")
	var refused *fault.Error
	require.ErrorAs(t, err, &refused)
	require.Len(t, refused.Fields, 4)
	require.Equal(t, fault.UnknownField, refused.Code)
	require.Len(t, strings.Split(refused.Message, "\n"), 4)
}

func TestEmptyFiles(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n", "null", "{}", "listen:\nprojects:\n"} {
		f, err := parseFile([]byte(text), "k.yaml")
		require.NoError(t, err, text)
		require.Empty(t, f.values)
		require.False(t, f.listed)
	}
}

func TestAliases(t *testing.T) {
	f, err := parseFile([]byte("drain_timeout: &t 5s\nstop_grace: {int: *t, term: *t}\nprojects: [&p {path: a}, *p]"), "k.yaml")
	require.NoError(t, err)
	require.Equal(t, "5s", f.values["stop_grace.term"])
	require.Len(t, f.projects, 2)
	_, err = parseFile([]byte("projects: &p [*p]"), "k.yaml")
	require.Error(t, err, "an alias of its own parent must end")
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{"0": 0, "500ms": 500 * time.Millisecond, "15s": 15 * time.Second, "1h30m": 90 * time.Minute,
		"90d": 90 * 24 * time.Hour, "2w": 14 * 24 * time.Hour, "1.5h": 90 * time.Minute} {
		got, err := ParseDuration(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"", "20", "-5s", "5 s", "s", "1y", "5S", "1e3s", "999999999999999w", strings.Repeat("9", 400) + "s"} {
		_, err := ParseDuration(text)
		require.Error(t, err, text)
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{"50MB": 50_000_000, "1GiB": 1 << 30, "1.5 kB": 1500, "10KiB": 10240, "7B": 7, "2KB": 2000, "1TB": 1e12} {
		got, err := ParseSize(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"", "50", "MB", "-1MB", "5 M", strings.Repeat("9", 400) + "TB"} {
		_, err := ParseSize(text)
		require.Error(t, err, text)
	}
}

func FuzzFile(f *testing.F) {
	for _, seed := range []string{"listen: 127.0.0.1:1", "projects: [{path: p, env: {A: 1}}]", "stop_grace: {int: 5s}", "a: &a [*a]", "<<: {}", "? [a]\n: b",
		"retention: {jobs: 90d}", "projects: [{path: p, pass_env: A}]", "log: {level: debug}"} {
		f.Add([]byte(seed))
	}
	known := map[string]setting{}
	for _, s := range settings() {
		known[s.key] = s
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parseFile(data, "k.yaml")
		if err != nil {
			var refused *fault.Error
			require.ErrorAs(t, err, &refused)
			require.NotEmpty(t, refused.Message)
			return
		}
		for key, value := range got.values {
			require.False(t, known[key].later)
			require.NoError(t, known[key].check(value))
		}
		for _, p := range got.projects {
			require.NotEmpty(t, p.Path)
			require.Contains(t, []string{Inherit, Strict}, p.RunEnv)
		}
	})
}
