package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
)

// TestFailuresAreTypedAndTold: each way in which a run goes wrong, its reason, and what
// a person reads.
func TestFailuresAreTypedAndTold(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	install := python + " -m pip install a_module_that_nobody_has"
	cases := []struct {
		pipeline string
		params   params
		reason   string
		message  []string // parts of error_message
		log      string   // part of the log
		exit     exitStatus
	}{
		{pipeline: "fail", params: params{"message": "the table\nhas no rows ä"}, reason: "pipeline_error", message: []string{"ValueError: the table\nhas no rows ä"}, log: "has no rows ä", exit: exitStatus{Code: 1}},
		{pipeline: "boxed", reason: "pipeline_error", message: []string{"RuntimeError: first line\nsecond line ╭─ with a box │ and [bold]markup[/bold]\nthird line"}, log: "third line", exit: exitStatus{Code: 1}},
		{pipeline: "chained", reason: "pipeline_error", message: []string{"RuntimeError: it could not be looked up"}, log: "KeyError", exit: exitStatus{Code: 1}},
		{pipeline: "missing_module", reason: "pipeline_error", message: []string{"ModuleNotFoundError: No module named 'a_module_that_nobody_has'", install}, log: "a_module_that_nobody_has", exit: exitStatus{Code: 1}},
		{pipeline: "no_input", reason: "pipeline_error", message: []string{"ValueError", "not_there", "DataCatalog"}, log: "not_there", exit: exitStatus{Code: 1}},
		{pipeline: "unsaveable", reason: "pipeline_error", message: []string{"this dataset can't be saved"}, log: "this dataset can't be saved", exit: exitStatus{Code: 1}},
		{pipeline: "later_failure", reason: "pipeline_error", message: []string{"ValueError: this run fails on purpose"}, exit: exitStatus{Code: 1}},
		{pipeline: "kill", reason: "killed", message: []string{"SIGKILL", "memory", "node kill"}, exit: exitStatus{-1, "SIGKILL"}},
		{pipeline: "segfault", reason: "killed", message: []string{"SIGSEGV", "node segfault"}, exit: exitStatus{-1, "SIGSEGV"}},
		{pipeline: "memory", reason: "out_of_memory", message: []string{"MemoryError: no room for the table"}, exit: exitStatus{Code: 1}},
		{pipeline: "quit", params: params{"code": 37}, reason: "pipeline_error", message: []string{"exit code 37", "node quit"}, log: "leaving without an exception", exit: exitStatus{Code: 37}},
	}
	ids := make([]string, len(cases))
	for i, c := range cases {
		ids[i] = s.submit(t, c.pipeline, c.params).ID
	}
	for i, c := range cases {
		job := s.end(t, ids[i])
		require.Equal(t, "failed", job.Status, "%s %v: %s", c.pipeline, c.params, explain(job))
		require.Equal(t, c.reason, text(job.Reason), "%s: %s", c.pipeline, explain(job))
		for _, part := range c.message {
			require.Contains(t, text(job.ErrorMessage), part, c.pipeline)
		}
		attempts := s.attempts(t, job.ID)
		require.Len(t, attempts, 1)
		require.Equal(t, c.exit, ofAttempt(attempts[0]), c.pipeline)
		require.Equal(t, text(job.ErrorMessage), text(attempts[0].ErrorMessage))
		require.Equal(t, 1, job.Tries, "the run's own fault is a try")
		require.Contains(t, s.log(t, job.ID, client.LogOptions{}), c.log, c.pipeline)
	}
}

// TestANodeThatFailsIsNamed, with those before and after it, and where to resume.
func TestANodeThatFailsIsNamed(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	job := s.run(t, "later_failure", nil)
	nodes, err := s.Nodes(within(t), job.ID)
	require.NoError(t, err)
	got := map[string]string{}
	for _, n := range nodes {
		got[n.Name] = n.Status
	}
	require.Equal(t, map[string]string{"make": "completed", "pass_on": "completed", "break": "failed", "after": "skipped"}, got)
	require.Equal(t, client.Progress{Done: 2, Total: 4, Running: []string{}}, *job.Progress)
	results := resultsOf(t, job)
	require.NotEmpty(t, results.ResumeFrom)
	require.Len(t, results.Outputs, 1, "what was saved before the failure is told")
	require.Equal(t, "plain_file", results.Outputs[0].Dataset)
}

// TestMemoryThatRunsOut for real, under a limit that the node sets itself.
func TestMemoryThatRunsOut(t *testing.T) {
	t.Parallel()
	s := serve(t, setup{projects: []string{project(t, "witness")}})
	job := s.run(t, "exhausted", nil)
	require.Equal(t, "out_of_memory", text(job.Reason), explain(job))
}

// TestOutputThatIsNoText: every byte is in the log, lines of megabytes included.
func TestOutputThatIsNoText(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	const width = 5_000_000
	job := s.run(t, "noise", params{"lines": 2, "width": width})
	require.Equal(t, "completed", job.Status, explain(job))
	log := s.log(t, job.ID, client.LogOptions{})
	long := strings.Repeat("x", width) + "\n"
	require.Contains(t, log, "\xff\xfe not text \x80\n"+long+long)

	var followed strings.Builder
	for chunk, err := range s.FollowLogs(within(t), job.ID, client.FollowOptions{}) {
		require.NoError(t, err)
		followed.WriteString(chunk.Text)
	}
	require.Equal(t, asText(log), followed.String())
}

// asText is how a stream shows bytes: each that is no UTF-8 becomes U+FFFD.
func asText(log string) string {
	var b strings.Builder
	for _, r := range log {
		b.WriteRune(r)
	}
	return b.String()
}

// TestUnknownPipelines that can't be refused at submission fail with Kedro's own words.
func TestUnknownPipelines(t *testing.T) {
	t.Parallel()
	t.Run("while the registry is not known", func(t *testing.T) {
		t.Parallel()
		dir := project(t, "witness")
		gate := filepath.Join(t.TempDir(), "gate")
		prepend(t, filepath.Join(dir, "src", "witness", "pipeline_registry.py"),
			"import os, time\nwhile not os.path.exists(os.environ['REGISTRY_GATE']):\n    time.sleep(0.01)\n")
		s := serve(t, setup{projects: []string{dir}, env: []string{"REGISTRY_GATE=" + gate}})
		job := s.submit(t, "dairy", nil)
		require.Equal(t, "dairy", job.PipelineName, "taken, since nobody knows better")
		list, err := s.Pipelines(within(t), "")
		require.NoError(t, err)
		require.False(t, list.Projects[0].Known)
		touch(t, gate)
		requireNotFound(t, s.end(t, job.ID))
	})
	t.Run("of a dynamic registry", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "kedrod.yaml")
		write(t, file, "projects:\n  - {path: "+project(t, "witness")+", python: "+python+", dynamic_registry: true}\n")
		s := serve(t, setup{python: "none", args: []string{"--config", file}})
		known(t, s)
		requireNotFound(t, s.run(t, "dairy", nil))
	})
}

func requireNotFound(t *testing.T, job *client.Job) {
	t.Helper()
	require.Equal(t, "pipeline_not_found", text(job.Reason), explain(job))
	require.Contains(t, text(job.ErrorMessage), "dairy")
	require.Contains(t, text(job.ErrorMessage), "diary", "the nearest name is told")
}

// results is a job's results.
type results struct {
	Outputs []struct {
		Dataset, Type, Path, Node string
		Version                   *string
		Bytes                     int64
	}
	Returned    map[string]any
	Nodes       []client.Node
	SaveVersion string   `json:"save_version"`
	Kedro       string   `json:"kedro_version"`
	Python      string   `json:"python_version"`
	ResumeFrom  []string `json:"resume_from"`
	Code        struct {
		Commit *string
		Dirty  *bool
		Hash   string
	}
}
