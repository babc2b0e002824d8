// Package fleet tests several serves and workers on one PostgreSQL, as processes. What
// they run is a stand-in for Kedro: what a pipeline does is told by its name.
package fleet

import (
	"fmt"
	"os"
	"testing"

	"github.com/kedrod/kedrod/test/launch"
	"github.com/kedrod/kedrod/test/pgtest"
)

var binary string // the kedrod that is tested

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	scratch, err := os.MkdirTemp("", "kedrod-fleet-")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	if err := launch.Parallel(); err != nil {
		return fail(err)
	}
	root, err := launch.Root()
	if err != nil {
		return fail(err)
	}
	if binary, err = launch.Build(root, scratch); err != nil {
		return fail(err)
	}
	return pgtest.Main(m).Run()
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
