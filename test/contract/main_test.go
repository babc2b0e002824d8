// Package contract holds the OpenAPI documents of a kedrod that runs from outside, with
// tools of others: clients that openapi-python-client and openapi-typescript generate
// from them and programs that use these, openapi-spec-validator, and schemathesis.
package contract

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// patience bounds every wait for something that must happen. It is long, since the
// machine may be busy; nothing waits that long when all is well.
const patience = 2 * time.Minute

var (
	binary string // the kedrod that is tested
	root   string // the folder of go.mod
	kedro  string // an interpreter that has Kedro
	python string // an interpreter that has the packages of requirements.txt
	npm    string // the folder with node_modules
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	// The tests wait for other processes and work little themselves.
	if f := flag.Lookup("test.parallel"); f.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		if err := f.Value.Set(strconv.Itoa(runtime.GOMAXPROCS(0) + 1)); err != nil {
			return fail("%v", err)
		}
	}
	dir, err := os.Getwd()
	if err != nil {
		return fail("%v", err)
	}
	root = filepath.Dir(filepath.Dir(dir))
	if kedro = os.Getenv("KEDROD_TEST_PYTHON"); kedro == "" {
		kedro = filepath.Join(root, ".cache", "venv-kedro", "bin", "python")
	}
	python = filepath.Join(root, ".cache", "venv-contract", "bin", "python")
	npm = filepath.Join(root, ".cache", "npm-contract")
	for path, verb := range map[string]string{kedro: "env-kedro", python: "env-contract", filepath.Join(npm, "node_modules"): "env-contract"} {
		if _, err := os.Stat(path); err != nil {
			return fail("there is no %s: run `make %s`", path, verb)
		}
	}
	scratch, err := os.MkdirTemp("", "kedrod-contract-")
	if err != nil {
		return fail("make a folder for the binary: %v", err)
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	binary = filepath.Join(scratch, "kedrod")
	args := []string{"build", "-buildvcs=false", "-o", binary}
	environ := os.Environ()
	if raceDetector {
		args = append(args, "-race")
		environ = append(environ, "CGO_ENABLED=1")
	}
	cmd := exec.Command("go", append(args, "./cmd/kedrod")...)
	cmd.Dir, cmd.Env = root, environ
	if out, err := cmd.CombinedOutput(); err != nil {
		return fail("go build ./cmd/kedrod: %v\n%s", err, out)
	}
	return m.Run()
}

func fail(format string, args ...any) int {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	return 1
}

// command is a program that must end well; it runs in dir.
type command struct {
	dir  string
	env  []string // NAME=value
	name string
	args []string
	// time it may take; 0: patience
	within time.Duration
}

// must gives what the program printed on stdout, and fails the test where it ended badly.
func (c command) must(t *testing.T) string {
	t.Helper()
	out, errs, err := c.try(t)
	if err != nil { // require shows no line of more than 64 KiB, which a request that was made up may have
		t.Fatalf("%s %s: %v\n%s\n%s", c.name, strings.Join(c.args, " "), err, out, errs)
	}
	return out
}

func (c command) try(t *testing.T) (stdout, stderr string, err error) {
	t.Helper()
	limit := cmp.Or(c.within, patience)
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.name, c.args...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = c.dir, environment(c.env...), 10*time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	if ctx.Err() != nil && t.Context().Err() == nil {
		err = fmt.Errorf("it did not end within %s: %w", limit, err)
	}
	return out.String(), errs.String(), err
}

// tool runs a module of the Python environment.
func tool(dir string, args ...string) command {
	// openapi-python-client looks for ruff, which is beside the interpreter, in PATH.
	path := "PATH=" + filepath.Dir(python) + string(os.PathListSeparator) + os.Getenv("PATH")
	return command{dir: dir, name: python, args: args, env: []string{path}}
}

// environment is this process's own, less what would change what is tested.
func environment(more ...string) []string {
	// Else a process that was built with the race detector takes a second to exit.
	env := []string{"GORACE=atexit_sleep_ms=0"}
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		switch {
		case strings.HasPrefix(name, "KEDRO"), strings.HasPrefix(name, "XDG_"), strings.HasPrefix(name, "PYTHON"), strings.HasPrefix(name, "SCHEMATHESIS"),
			strings.HasPrefix(name, "NODE_"), strings.HasPrefix(name, "npm_"),
			name == "VIRTUAL_ENV", name == "CONDA_PREFIX", name == "GORACE":
		default:
			env = append(env, entry)
		}
	}
	return append(append(env, "XDG_CONFIG_HOME="+filepath.Join(os.TempDir(), "kedrod-contract-no-settings")), more...)
}
