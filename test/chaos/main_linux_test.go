// Package chaos breaks kedrod from outside while it works: kill -9 and stops of every
// kind of process, a database that goes away, a power cut. Runs are short real processes
// that prove by locks that no job has two of them alive and that no scope has too many;
// afterwards every accepted job must have ended, with its whole log, and nothing be left.
//
// KEDROD_CHAOS_SECONDS is how long faults go on, KEDROD_CHAOS_SEED repeats a choice of
// faults, though not their moments.
package chaos

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kedrod/kedrod/test/launch"
	"github.com/kedrod/kedrod/test/pgtest"
)

var (
	binary   string // the kedrod that is tested
	root     string // the folder of go.mod
	python   string // an interpreter that has Kedro
	standIn  string // what runs are: ./run
	patience = launch.Patience
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	scratch, err := os.MkdirTemp("", "kedrod-chaos-")
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	if root, err = launch.Root(); err != nil {
		return fail(err)
	}
	if python, err = launch.Python(root); err != nil {
		return fail(err)
	}
	if binary, err = launch.Build(root, scratch); err != nil {
		return fail(err)
	}
	standIn = filepath.Join(scratch, "python")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", standIn, "./test/chaos/run")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fail(fmt.Errorf("go build ./test/chaos/run: %w\n%s", err, out))
	}
	return pgtest.Main(m).Run()
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
