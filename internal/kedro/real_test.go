package kedro

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// repoRoot is the folder of go.mod.
func repoRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		require.NotEqual(t, filepath.Dir(dir), dir, "no go.mod above the tests")
		dir = filepath.Dir(dir)
	}
}

// realPython is an interpreter with Kedro: KEDROD_TEST_PYTHON, or the one that
// `make test` sets up.
func realPython(t *testing.T) Python {
	t.Helper()
	path := os.Getenv("KEDROD_TEST_PYTHON")
	if path == "" {
		path = filepath.Join(repoRoot(t), ".cache", "venv-kedro", "bin", "python")
	}
	require.FileExists(t, path, "no interpreter with Kedro: `make test` sets one up (or `make .cache/venv-kedro`); KEDROD_TEST_PYTHON names another")
	return Python{Path: path, Origin: "the tests"}
}

// copyProject gives a test a project of its own, from test/projects.
func copyProject(t *testing.T, name string) Project {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	source := filepath.Join(repoRoot(t), "test", "projects", name)
	require.NoError(t, filepath.WalkDir(source, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(source, path)
		if err != nil {
			return err
		}
		switch {
		case d.IsDir() && (d.Name() == "__pycache__" || d.Name() == "data"):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(filepath.Join(dir, rel), 0o755)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, rel), text, 0o644)
	}))
	p, err := FindProject(dir)
	require.NoError(t, err)
	return p
}

func unpacked(t *testing.T) Helpers {
	t.Helper()
	h, err := UnpackHelpers(t.TempDir())
	require.NoError(t, err)
	return h
}

// execRunner is the Runner of these tests; the service's is the executor's.
type execRunner struct{}

func (execRunner) Output(ctx context.Context, c Command) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...)
	cmd.Dir, cmd.Env = c.Dir, c.Env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return Result{Stdout: out.Bytes(), Stderr: errs.Bytes(), ExitCode: cmd.ProcessState.ExitCode()}, err
}

// realRun is one `kedro run` as the service would start it.
type realRun struct {
	Exit   Exit
	State  *State
	Events []Event
	Log    []byte
	Dir    string
}

type runSetup struct {
	project Project
	options RunOptions
	env     RunEnv   // HookDir and EventsPath are filled in
	extra   []string // NAME=value, beside what a run gets
	noHook  bool
}

func runReal(t *testing.T, s runSetup) realRun {
	t.Helper()
	python := realPython(t)
	dir := t.TempDir()
	config, err := RunConfig(s.options, Version{})
	require.NoError(t, err)
	file := filepath.Join(dir, "config.json")
	require.NoError(t, os.WriteFile(file, config, 0o600))
	s.env.RunDir = dir
	events := filepath.Join(dir, "events.jsonl")
	if !s.noHook {
		s.env.HookDir = unpacked(t).HookDir
		s.env.EventsPath = events
	}
	s.env.Extra = append(s.env.Extra, s.extra...)
	env, err := Environment(os.Environ(), EnvPolicy{}, s.env)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	argv := Argv(python.Path, file)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = s.project.Path, env
	logFile, err := os.Create(filepath.Join(dir, "log"))
	require.NoError(t, err)
	defer logFile.Close()
	cmd.Stdout, cmd.Stderr = logFile, logFile
	err = cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	out := realRun{State: &State{}, Dir: dir}
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	require.True(t, ok)
	if status.Signaled() {
		out.Exit.Signal = signalName(status.Signal())
	} else {
		out.Exit.Code = status.ExitStatus()
	}
	out.Log, err = os.ReadFile(logFile.Name())
	require.NoError(t, err)
	_, err = NewEventReader(events, 0).Read(func(e Event) {
		out.Events = append(out.Events, e)
		out.State.Apply(e)
	})
	require.NoError(t, err)
	if !out.State.Hooked {
		for line := range strings.Lines(string(out.Log)) {
			out.State.LogLine(line, time.Now())
		}
	}
	return out
}

func signalName(s syscall.Signal) string {
	switch s {
	case syscall.SIGKILL:
		return "SIGKILL"
	case syscall.SIGSEGV:
		return "SIGSEGV"
	}
	return fmt.Sprintf("signal %d", s)
}

func (r realRun) kinds(node string) []EventKind {
	var out []EventKind
	for _, e := range r.Events {
		if e.Node == node {
			out = append(out, e.Kind)
		}
	}
	return out
}
