// Package e2e tests kedrod from outside: the built binary, real processes, real Kedro
// projects in folders of their own. What it sees is what a user sees: the command
// line, HTTP, the files of a project, the system's process table.
package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// patience bounds every wait for something that must happen. It is long, since the
// machine may be busy; nothing waits that long when all is well.
const patience = 2 * time.Minute

var (
	binary string // the kedrod that is tested
	root   string // the folder of go.mod
	python string // an interpreter that has Kedro
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	// The tests wait for other processes more than they work themselves.
	if f := flag.Lookup("test.parallel"); f.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		if err := f.Value.Set(strconv.Itoa(runtime.GOMAXPROCS(0) + 1)); err != nil {
			return fail("%v", err)
		}
	}
	scratch, err := os.MkdirTemp("", "kedrod-e2e-")
	if err != nil {
		return fail("make a folder for the binary: %v", err)
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	if root, err = findRoot(); err != nil {
		return fail("%v", err)
	}
	if python = os.Getenv("KEDROD_TEST_PYTHON"); python == "" {
		python = filepath.Join(root, ".cache", "venv-kedro", "bin", "python")
	}
	if _, err := os.Stat(python); err != nil {
		return fail("no interpreter with Kedro at %s: `make test` sets one up; KEDROD_TEST_PYTHON names another", python)
	}
	binary = filepath.Join(scratch, "kedrod")
	if err := build(); err != nil {
		return fail("%v", err)
	}
	defer shared.stop()
	return m.Run()
}

// build makes the binary, with the race detector where these tests have it.
func build() error {
	args := []string{"build", "-buildvcs=false", "-o", binary}
	environ := os.Environ()
	if raceDetector {
		args = append(args, "-race")
		environ = append(environ, "CGO_ENABLED=1")
	}
	cmd := exec.Command("go", append(args, "./cmd/kedrod")...)
	cmd.Dir, cmd.Env = root, environ
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build ./cmd/kedrod: %w\n%s", err, out)
	}
	return nil
}

func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if filepath.Dir(dir) == dir {
			return "", fmt.Errorf("no go.mod above the tests")
		}
		dir = filepath.Dir(dir)
	}
}

func fail(format string, args ...any) int {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	return 1
}
