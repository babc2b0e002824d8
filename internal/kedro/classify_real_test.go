package kedro

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// update records the logs of real runs anew: go test -run TestRealRuns -update
func updating() bool { return *update }

var update = flag.Bool("update", false, "record the logs of real runs into testdata/logs")

type failure struct {
	name    string // of the log in testdata/logs
	project string
	options RunOptions
	exit    Exit
	started bool // the pipeline began
	reason  Reason
	message string // how it begins
}

func failures() []failure {
	minimal := func(name, pipeline string, exit Exit, started bool, reason Reason, message string) failure {
		return failure{name: name, project: "minimal", options: RunOptions{Pipeline: pipeline}, exit: exit, started: started, reason: reason, message: message}
	}
	one := Exit{Code: 1}
	with := func(f failure, o RunOptions) failure {
		f.options = o
		return f
	}
	return []failure{
		minimal("value_error", "fail", one, true, ReasonPipelineError, "ValueError: this run fails on purpose"),
		minimal("boxed", "boxed", one, true, ReasonPipelineError, "RuntimeError: first line\nsecond line ╭─ with a box │ and"),
		minimal("chained", "chained", one, true, ReasonPipelineError, "RuntimeError: it could not be looked up"),
		minimal("unsaveable", "unsaveable", one, true, ReasonPipelineError, "DatasetError: unsaveable: Failed while saving data to dataset"),
		minimal("no_input", "no_input", one, true, ReasonPipelineError, "ValueError: Pipeline input(s) {'not_there'} not found in the DataCatalog"),
		minimal("memory", "memory", one, true, ReasonOutOfMemory, "MemoryError: no room for the table"),
		minimal("missing_module", "missing_module", one, true, ReasonPipelineError, "ModuleNotFoundError: No module named 'a_module_that_nobody_has' — install it in the interpreter PYTHON: PYTHON -m pip install a_module_that_nobody_has"),
		minimal("quit", "quit", Exit{Code: 3}, true, ReasonPipelineError, "the run ended its own process with exit code 3, without an exception, in node quit"),
		minimal("kill", "kill", Exit{Signal: "SIGKILL"}, true, ReasonKilled, "killed by SIGKILL (nobody here sent it"),
		minimal("segfault", "segfault", Exit{Signal: "SIGSEGV"}, true, ReasonKilled, "killed by SIGSEGV (a segmentation fault"),
		minimal("unknown_pipeline", "summ", one, false, ReasonPipelineNotFound, "ValueError: Failed to find the pipeline named 'summ'"),
		with(minimal("unknown_node", "", one, false, ReasonInvalidOptions, "ValueError: Pipeline does not contain nodes named ['nope']"), RunOptions{Pipeline: "sum", NodeNames: []string{"nope"}}),
		with(minimal("unknown_tag", "", one, false, ReasonInvalidOptions, "ValueError: Pipeline contains no nodes"), RunOptions{Pipeline: "sum", Tags: []string{"nope"}}),
		with(minimal("unknown_env", "", one, false, ReasonInvalidOptions, "MissingConfigException: Given configuration path either does not exist"), RunOptions{Pipeline: "sum", Env: "nope"}),
		with(minimal("unknown_runner", "", one, false, ReasonInvalidOptions, ""), RunOptions{Pipeline: "sum", Runner: "NopeRunner"}),
		with(minimal("unknown_input", "", one, false, ReasonInvalidOptions, "ValueError: Pipeline does not contain"), RunOptions{Pipeline: "sum", FromInputs: []string{"nope"}}),
		{name: "broken", project: "broken", exit: one, reason: ReasonStartError, message: "ModuleNotFoundError: No module named 'a_module_that_nobody_has' — install it in the interpreter PYTHON"},
	}
}

// TestRealRuns runs every failure on the real Kedro, and judges it with the hook's
// events and without.
func TestRealRuns(t *testing.T) {
	projects := map[string]Project{"minimal": copyProject(t, "minimal"), "broken": copyProject(t, "broken")}
	for _, f := range failures() {
		t.Run(f.name, func(t *testing.T) {
			run := runReal(t, runSetup{project: projects[f.project], options: f.options})
			if updating() {
				record(t, f, run)
			}
			require.Equal(t, f.exit, run.Exit, "%s", run.Log)
			require.Equal(t, f.started, run.State.Started, "%s", run.Log)
			out := Classify(run.Exit, run.State, run.Log, "PYTHON")
			require.Equal(t, f.reason, out.Reason, "%+v\n%s", out, run.Log)
			require.True(t, strings.HasPrefix(out.Message, f.message), "%q", out.Message)
		})
	}
}

// record keeps a log small and free of this machine's paths.
func record(t *testing.T, f failure, run realRun) {
	t.Helper()
	log := run.Log
	for _, path := range []string{filepath.Dir(filepath.Dir(filepath.Dir(realPython(t).Path))), os.TempDir()} {
		log = bytes.ReplaceAll(log, []byte(path), []byte("/somewhere"))
	}
	code := regexp.MustCompile(`(?m)^│ .*\n`) // of the boxes, the lines that name a file are enough
	log = code.ReplaceAllFunc(log, func(line []byte) []byte {
		if bytes.Contains(line, []byte(".py:")) {
			return line
		}
		return nil
	})
	log = regexp.MustCompile(`(?m)[ \t]+$`).ReplaceAll(log, nil)
	require.NoError(t, os.MkdirAll(filepath.Join("testdata", "logs"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join("testdata", "logs", f.name+".log"), log, 0o600))
}

// TestRecordedLogs judges the recorded logs alone, as when the hook is disabled.
func TestRecordedLogs(t *testing.T) {
	for _, f := range failures() {
		t.Run(f.name, func(t *testing.T) {
			log, err := os.ReadFile(filepath.Join("testdata", "logs", f.name+".log"))
			require.NoError(t, err)
			state := &State{}
			for line := range strings.Lines(string(log)) {
				state.LogLine(line, fixedTime)
			}
			out := Classify(f.exit, state, log, "PYTHON")
			require.Equal(t, f.reason, out.Reason, "%+v", out)
			require.True(t, strings.HasPrefix(out.Message, f.message), "%q", out.Message)
		})
	}
}

func TestResultsOfARealRun(t *testing.T) {
	project := copyProject(t, "minimal")
	run := runReal(t, runSetup{project: project, options: RunOptions{Pipeline: "versioned"}})
	require.Zero(t, run.Exit.Code, "%s", run.Log)
	require.True(t, run.State.Ended)
	raw, err := run.State.Results(&Code{Hash: "abc"})
	require.NoError(t, err)
	var results struct {
		Outputs []struct {
			Dataset, Type, Path, Version, Node string
			Bytes                              int64
		}
		Nodes       []WireNode
		SaveVersion string `json:"save_version"`
		Kedro       string `json:"kedro_version"`
		Python      string `json:"python_version"`
	}
	require.NoError(t, json.Unmarshal(raw, &results))
	require.Len(t, results.Outputs, 2)
	kept := results.Outputs[0]
	require.Equal(t, "kept_versions", kept.Dataset)
	require.Equal(t, "minimal.datasets.JSONFile", kept.Type)
	require.Equal(t, results.SaveVersion, kept.Version)
	require.Equal(t, "keep", kept.Node)
	info, err := os.Stat(kept.Path)
	require.NoError(t, err)
	require.Equal(t, info.Size(), kept.Bytes)
	require.Len(t, results.Nodes, 3)
	for _, n := range results.Nodes {
		require.Equal(t, NodeCompleted, n.Status)
		require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$`, *n.StartedAt)
	}
	require.NotEmpty(t, results.Kedro)
	require.NotEmpty(t, results.Python)
	require.NoDirExists(t, filepath.Join(project.Path, "sessions"))
}

// TestALaterFailure: what ran before the failing node stays completed, and Kedro's
// own suggestion where to resume is kept.
func TestALaterFailure(t *testing.T) {
	run := runReal(t, runSetup{project: copyProject(t, "minimal"), options: RunOptions{Pipeline: "later_failure"}})
	require.Equal(t, 1, run.Exit.Code)
	run.State.Close(EndFailed, fixedTime)
	got := map[string]NodeStatus{}
	for _, n := range run.State.Nodes {
		got[n.Name] = n.Status
	}
	require.Equal(t, NodeFailed, got["break"])
	require.Equal(t, NodeSkipped, got["after"])
	require.NotEmpty(t, run.State.ResumeFrom)
	require.Equal(t, "break", run.State.Exception.Node)
	require.Contains(t, run.State.Exception.Traceback, "nodes.py")
}
