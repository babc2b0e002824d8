// Package e2e tests kedrod from outside: the built binary, real processes, real Kedro
// projects in folders of their own. What it sees is what a user sees: the command
// line, HTTP, the files of a project, the system's process table.
package e2e

import (
	"fmt"
	"os"
	"testing"

	"github.com/kedrod/kedrod/test/launch"
)

const patience = launch.Patience

var (
	binary string // the kedrod that is tested
	root   string // the folder of go.mod
	python string // an interpreter that has Kedro
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	scratch, err := os.MkdirTemp("", "kedrod-e2e-")
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
	if python, err = launch.Python(root); err != nil {
		return fail(err)
	}
	if binary, err = launch.Build(root, scratch); err != nil {
		return fail(err)
	}
	defer shared.stop()
	return m.Run()
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
