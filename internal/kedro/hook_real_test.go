package kedro

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestTheHookCanNeverBreakARun makes it fail before each of its statements (every tenth with
// -short).
func TestTheHookCanNeverBreakARun(t *testing.T) {
	project, out := copyProject(t, "minimal"), filepath.Join(t.TempDir(), "out.json")
	env, err := HelperEnvironment(os.Environ(), EnvPolicy{}, "")
	require.NoError(t, err)
	step := "1"
	if testing.Short() {
		step = "10"
	}
	result, err := execRunner{}.Output(t.Context(), Command{
		Argv: []string{realPython(t).Path, filepath.Join("testdata", "hook_faults.py"), unpacked(t).HookDir, project.Path, out, step}, Env: env, Limit: 4 * time.Minute,
	})
	require.NoError(t, err)
	require.Zero(t, result.ExitCode, "%s", result.Stderr)
	text, err := os.ReadFile(out)
	require.NoError(t, err)
	var points []struct {
		Function, Pipeline, Wrote string
		Line, Exit, Events        int
	}
	require.NoError(t, json.Unmarshal(text, &points))
	require.Greater(t, len(points), 10)
	silent := 0
	for i, p := range points {
		if i < 2 {
			require.Greater(t, p.Events, 5, "the whole hook speaks")
		} else if p.Events < points[min(i, 1)].Events {
			silent++
		}
		want := 0
		if p.Pipeline == "fail" {
			want = 1
		} else {
			require.JSONEq(t, `{"count": 5, "sum": 10}`, p.Wrote, "%+v", p)
		}
		require.Equal(t, want, p.Exit, "%+v", p)
	}
	require.Positive(t, silent, "some of the faults must have been met")
	t.Logf("%d points", len(points))
}

// TestNoRoomForEvents: a full disk, a folder in the file's place, no such folder.
func TestNoRoomForEvents(t *testing.T) {
	project := copyProject(t, "minimal")
	for _, path := range []string{"/dev/full", t.TempDir(), "/does/not/exist/events"} {
		run := runReal(t, runSetup{project: project, options: RunOptions{Pipeline: "sum"}, extra: []string{"KEDROD_EVENTS=" + path}})
		require.Zero(t, run.Exit.Code, "%s", run.Log)
		require.Empty(t, run.Events)
	}
}

func TestEventsInOrder(t *testing.T) {
	run := runReal(t, runSetup{project: copyProject(t, "minimal"), options: RunOptions{Pipeline: "both", Parameters: json.RawMessage(`{"seconds": 0.5}`)}, env: RunEnv{LogEvents: true}})
	require.Zero(t, run.Exit.Code, "%s", run.Log)
	require.Equal(t, []EventKind{EventLoading, EventNodeStart, EventNodeRun, EventSaved, EventNodeDone}, run.kinds("add"))
	require.JSONEq(t, `0.5`, string(run.State.Returned["slept"]))
	logs := 0
	for _, e := range run.Events {
		if e.Kind == EventLog {
			logs++
			require.NotEmpty(t, e.Level)
			require.NotEmpty(t, e.Text)
		}
		require.NotEqual(t, EventHookError, e.Kind, "%s", e.Text)
		require.WithinDuration(t, time.Now(), e.Time, time.Minute)
	}
	require.Greater(t, logs, 5)
}

// TestOtherRunners: node events come from worker processes with ParallelRunner.
func TestOtherRunners(t *testing.T) {
	project := copyProject(t, "minimal")
	for _, runner := range []string{"ThreadRunner", "ParallelRunner"} {
		run := runReal(t, runSetup{project: project, options: RunOptions{Pipeline: "both", Runner: runner}})
		require.Zero(t, run.Exit.Code, "%s", run.Log)
		require.Equal(t, Progress{Done: 3, Total: 3, Running: []string{}}, run.State.Progress(), runner)
		require.True(t, run.State.Ended)
	}
}

// TestARunInsideANodeIsNotOurs: a node that starts `kedro run` itself inherits our
// environment, and its events must not mix with the job's.
func TestARunInsideANodeIsNotOurs(t *testing.T) {
	project := copyProject(t, "minimal")
	registry := filepath.Join(project.SourceDir, "minimal", "pipeline_registry.py")
	text, err := os.ReadFile(registry)
	require.NoError(t, err)
	nested := strings.Replace(string(text), "    return pipelines\n", `    def nested():
        import subprocess, sys
        subprocess.run([sys.executable, "-m", "kedro", "run", "--pipelines", "sum"], check=True)
        from kedro.framework.session import KedroSession
        with KedroSession.create() as session:
            session.run(pipeline_names=["sum"])
        return "done"
    pipelines["nested"] = one("nested", nested, None, "nested")
    return pipelines
`, 1)
	require.NoError(t, os.WriteFile(registry, []byte(nested), 0o600))
	run := runReal(t, runSetup{project: project, options: RunOptions{Pipeline: "nested"}})
	require.Zero(t, run.Exit.Code, "%s", run.Log)
	require.Equal(t, "nested=completed", statuses(run.State))
	for _, e := range run.Events {
		require.Contains(t, []string{"", "nested"}, e.Node, "%+v", e)
		require.Equal(t, run.Events[0].PID, e.PID)
	}
}

// TestWithoutTheHook: the project has turned it off, and the log tells the nodes.
func TestWithoutTheHook(t *testing.T) {
	project := copyProject(t, "hooks_off")
	run := runReal(t, runSetup{project: project})
	require.Zero(t, run.Exit.Code, "%s", run.Log)
	require.Empty(t, run.Events)
	run.State.Close(EndCompleted, time.Now())
	require.Equal(t, Progress{Done: 3, Total: 3, Running: []string{}}, run.State.Progress())
	require.True(t, strings.HasPrefix(statuses(run.State), "start=completed double=completed double("), statuses(run.State))

	run = runReal(t, runSetup{project: project, options: RunOptions{Pipeline: "fail"}})
	out := Classify(run.Exit, run.State, run.Log, "PYTHON")
	require.Equal(t, ReasonPipelineError, out.Reason)
	require.Equal(t, "ValueError: no luck", out.Message)
	run.State.Close(EndFailed, time.Now())
	require.Contains(t, statuses(run.State), "fail=failed")
}

// TestNothingIsWrittenIntoTheProject but what its own run writes.
func TestNothingIsWrittenIntoTheProject(t *testing.T) {
	project := copyProject(t, "minimal")
	run := runReal(t, runSetup{project: project, options: RunOptions{Pipeline: "sum"}})
	require.Zero(t, run.Exit.Code)
	in := inspector(t, project)
	_, err := in.Inspect(t.Context())
	require.NoError(t, err)
	var found []string
	require.NoError(t, filepath.WalkDir(project.Path, func(path string, d os.DirEntry, err error) error {
		if rel, _ := filepath.Rel(project.Path, path); err == nil && !d.IsDir() && !strings.Contains(rel, "__pycache__") {
			found = append(found, rel)
		}
		return err
	}))
	require.ElementsMatch(t, []string{
		"pyproject.toml", "conf/base/catalog.yml", "conf/base/parameters.yml", "conf/local/.gitkeep", "data/total.json",
		"src/minimal/__init__.py", "src/minimal/settings.py", "src/minimal/datasets.py", "src/minimal/nodes.py", "src/minimal/pipeline_registry.py",
	}, found)
}

// TestComposedPipelines: from Kedro 1.5 on such a registry breaks by hand; the hook
// lifts the restriction where the registry says that it must.
func TestComposedPipelines(t *testing.T) {
	project := copyProject(t, "composed")
	found, err := inspector(t, project).Inspect(t.Context())
	require.NoError(t, err)
	require.True(t, found.Registry.NeedsFull())
	for _, name := range []string{"combo", "first"} {
		run := runReal(t, runSetup{project: project, options: RunOptions{Pipeline: name}})
		require.Equal(t, 1, run.Exit.Code, "Kedro has mended it: the lift can go\n%s", run.Log)
		run = runReal(t, runSetup{project: project, options: RunOptions{Pipeline: name}, env: RunEnv{FullRegistry: true}})
		require.Zero(t, run.Exit.Code, "%s", run.Log)
	}
	require.False(t, needsFull(project, []string{"first", "second", "__default__"}, Version{1, 7, 0}))
	require.False(t, needsFull(project, []string{"combo"}, Version{1, 4, 0}))
}

// TestATornLineSpoilsNoOther: a disk that is full for a moment leaves half a line.
func TestATornLineSpoilsNoOther(t *testing.T) {
	events := filepath.Join(t.TempDir(), "events")
	code := `
import os, kedrod_hook as hook
hook._emit("node_run", node="a")
write, os.write = os.write, lambda fd, data: write(fd, data[: len(data) // 2])
hook._emit("node_run", node="lost")
os.write = write
hook._emit("node_run", node="b")
`
	env, err := Environment(os.Environ(), EnvPolicy{}, RunEnv{HookDir: unpacked(t).HookDir, EventsPath: events})
	require.NoError(t, err)
	result, err := execRunner{}.Output(t.Context(), Command{Argv: []string{realPython(t).Path, "-c", code}, Env: env, Limit: time.Minute})
	require.NoError(t, err)
	require.Zero(t, result.ExitCode, "%s", result.Stderr)
	var nodes []string
	_, err = NewEventReader(events, 0).Read(func(e Event) { nodes = append(nodes, e.Node) })
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, nodes)
}
