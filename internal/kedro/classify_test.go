package kedro

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestClassify: what real runs of the tests can't show.
func TestClassify(t *testing.T) {
	at := func(s *State, lines ...string) *State {
		fold(s, lines...)
		return s
	}
	node := EventNode{Name: "n", Outputs: []string{"x"}}
	handled := "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nValueError: caught and printed\n"
	for _, c := range []struct {
		name    string
		exit    Exit
		state   *State
		log     string
		reason  Reason
		message string
	}{
		{"success", Exit{}, nil, handled, "", ""},
		{"no interpreter", Exit{StartError: errors.New("no such file")}, nil, "", ReasonStartError, "the interpreter PYTHON can't be started: no such file"},
		{"killed for memory", Exit{Signal: "SIGKILL", OutOfMemory: true}, at(started(node), "node_start n"), "", ReasonOutOfMemory, "the run was killed because it used too much memory, in node n"},
		{"no Kedro", Exit{Code: 1}, nil, "/venv/bin/python: No module named kedro\n", ReasonStartError, "Kedro is not installed in the interpreter: install it in the interpreter PYTHON: PYTHON -m pip install kedro"},
		{"no Kedro, as a folder", Exit{Code: 1}, nil, "/venv/bin/python: No module named kedro.__main__; 'kedro' is a package and cannot be directly executed\n", ReasonStartError, "the run ended with exit code 1 before the pipeline began; the last line of its log: /venv/bin/python: No module named kedro.__main__; 'kedro' is a package and cannot be directly executed"},
		{"no project", Exit{Code: 2}, nil, "Usage: kedro [OPTIONS]\n\nError: No such command 'run'.\n", ReasonStartError, "Kedro found no project in the working directory: check the project's path and the [tool.kedro] section of its pyproject.toml"},
		{"bad option", Exit{Code: 2}, nil, "Usage: kedro run\n\x1b[31mError: No such option: --nope\x1b[0m  \n", ReasonInvalidOptions, "No such option: --nope"},
		{"a handled exception is none", Exit{Code: 5}, at(started(node), "context", "node_start n"), handled, ReasonPipelineError, "the run ended its own process with exit code 5, without an exception, in node n"},
		{"raised after the pipeline", Exit{Code: 1}, at(started(node), "run_ok"), handled, ReasonPipelineError, "ValueError: caught and printed"},
		{"a silent end", Exit{Code: 1}, nil, "", ReasonStartError, "the run ended with exit code 1 before the pipeline began"},
		{"numpy has no room", Exit{Code: 1}, nil, "╭─ Traceback ─╮\n│ /x/kedro/runner/task.py:1 in f │\n╰─╯\n_ArrayMemoryError: Unable to allocate 1 TiB\n", ReasonOutOfMemory, "_ArrayMemoryError: Unable to allocate 1 TiB"},
		{"a library without room", Exit{Signal: "SIGABRT"}, at(started(node), "node_start n"), "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc\n", ReasonOutOfMemory, "a compiled library found no more memory and ended the run, in node n"},
		{"another abort", Exit{Signal: "SIGABRT"}, nil, "terminate called after throwing an instance of 'std::runtime_error'\n", ReasonKilled, "killed by SIGABRT (it aborted itself, most often a compiled library)"},
		{"another name in pip", Exit{Code: 1}, nil, "Traceback (most recent call last):\n  File \"x\", line 1\nModuleNotFoundError: No module named 'sklearn.svm'\n", ReasonStartError, "ModuleNotFoundError: No module named 'sklearn.svm' — install it in the interpreter PYTHON: PYTHON -m pip install scikit-learn"},
		{"a log cut within a box", Exit{Code: 1}, nil, "of a line  │\n│ /x/kedro/runner/task.py:1 in f │\n╰─╯\nKeyError: 'a'\n", ReasonPipelineError, "KeyError: 'a'"},
		{"hang-up", Exit{Signal: "SIGHUP"}, nil, "", ReasonKilled, "killed by SIGHUP, which nobody here sent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := Classify(c.exit, c.state, []byte(c.log), "PYTHON")
			require.Equal(t, c.reason, out.Reason)
			require.Equal(t, c.message, out.Message)
		})
	}
}

func TestPycachePrefix(t *testing.T) {
	p := copyProject(t, "minimal")
	require.Empty(t, PycachePrefix(p, "/cache"), "Python can write beside the sources")
	p.Package = "elsewhere" // stands for a folder that can't be written
	require.Equal(t, filepath.Join("/cache", "pycache"), PycachePrefix(p, "/cache"))
}

func TestCodeState(t *testing.T) {
	p := copyProject(t, "minimal")
	in := inspector(t, p)
	require.Equal(t, Code{}, in.codeState(t.Context()), "outside of git")
	git := func(args ...string) {
		t.Helper()
		env, err := in.Env()
		require.NoError(t, err)
		path, err := findExecutable("git", lookup(env)("PATH"))
		require.NoError(t, err)
		r, err := execRunner{}.Output(t.Context(), Command{Argv: append([]string{path, "-c", "user.name=t", "-c", "user.email=t@t"}, args...), Dir: p.Path, Env: env, Limit: in.Limit})
		require.NoError(t, err)
		require.Zero(t, r.ExitCode, "%s", r.Stderr)
	}
	git("init", "-q")
	git("add", ".")
	git("commit", "-qm", "x")
	code := in.codeState(t.Context())
	require.Regexp(t, `^[0-9a-f]{40}$`, code.Commit)
	require.False(t, *code.Dirty)
	before, sources := gitStamp(p), fingerprint(p, nil)
	git("commit", "-qm", "y", "--allow-empty")
	require.NotEqual(t, before, gitStamp(p), "a new commit is seen")
	require.Equal(t, sources, fingerprint(p, nil), "and is no reason to read the registry anew")
	touch(t, p, "x = 1\n")
	require.True(t, *in.codeState(t.Context()).Dirty)
}

// Kedro tells an error of its own where a dataset had no room; the hook's traceback holds the cause.
func TestACauseThatIsNoMemory(t *testing.T) {
	for traceback, want := range map[string]Reason{
		"Traceback (most recent call last):\n  File \"/x/a.py\", line 1, in save\npyarrow.lib.ArrowMemoryError: malloc of size 64 failed\n\n" +
			"The above exception was the direct cause of the following exception:\n\nkedro.io.core.DatasetError: Failed while saving\n": ReasonOutOfMemory,
		"Traceback (most recent call last):\n    f()\nMemoryError\n\nkedro.io.core.DatasetError: Failed\n":  ReasonOutOfMemory,
		"Traceback (most recent call last):\n    except MemoryError:\nkedro.io.core.DatasetError: Failed\n": ReasonPipelineError,
	} {
		x := &Exception{Type: "kedro.io.core.DatasetError", Message: "Failed", Traceback: traceback}
		got := Classify(Exit{Code: 1}, &State{Hooked: true, Started: true, Exception: x}, nil, "PYTHON")
		require.Equal(t, want, got.Reason, traceback)
	}
}
