// Package upgrade tests what keeps a service up: the new binary under the same process
// id, and the service manager's side of it. Runs are those of a stand-in for Kedro's
// interpreter, so that what is seen is the service.
package upgrade

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/kedrod/kedrod/test/launch"
	"github.com/kedrod/kedrod/test/pgtest"
)

var binary, binary2 string // kedrod, of versions one and two

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	scratch, err := os.MkdirTemp("", "kedrod-upgrade-")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	root, err := launch.Root()
	if err != nil {
		return fail(err)
	}
	if binary, err = launch.BuildVersion(root, filepath.Join(scratch, "one"), "one"); err != nil {
		return fail(err)
	}
	if binary2, err = launch.BuildVersion(root, filepath.Join(scratch, "two"), "two"); err != nil {
		return fail(err)
	}
	return pgtest.Main(m).Run()
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
