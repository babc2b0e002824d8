// Package contract holds the OpenAPI documents of a kedrod that runs from outside, with
// tools of others: clients that openapi-python-client and openapi-typescript generate
// from them and programs that use these, openapi-spec-validator, and schemathesis.
package contract

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kedrod/kedrod/test/launch"
)

const patience = launch.Patience

var (
	binary string // the kedrod that is tested
	root   string // the folder of go.mod
	kedro  string // an interpreter that has Kedro
	python string // an interpreter that has the packages of requirements.txt
	npm    string // the folder with node_modules
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	scratch, err := os.MkdirTemp("", "kedrod-contract-")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	if err := launch.Parallel(); err != nil {
		return fail(err)
	}
	if root, err = launch.Root(); err != nil {
		return fail(err)
	}
	if kedro, err = launch.Python(root); err != nil {
		return fail(err)
	}
	python = filepath.Join(root, ".cache", "venv-contract", "bin", "python")
	npm = filepath.Join(root, ".cache", "npm-contract")
	for _, path := range []string{python, filepath.Join(npm, "node_modules")} {
		if _, err := os.Stat(path); err != nil {
			return fail(fmt.Errorf("there is no %s: run `make env-contract`", path))
		}
	}
	if binary, err = launch.Build(root, scratch); err != nil {
		return fail(err)
	}
	return m.Run()
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
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

func environment(more ...string) []string {
	return launch.Environment([]string{"SCHEMATHESIS", "NODE_", "npm_"}, more...)
}
