// Package launch builds kedrod and runs `kedrod serve` for tests that see it from
// outside, as a process.
package launch

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Patience bounds every wait for something that must happen. It is long, since the
// machine may be busy; nothing waits that long when all is well.
const Patience = 2 * time.Minute

// Root is the folder of go.mod, found from the working directory on upwards.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if filepath.Dir(dir) == dir {
			return "", errors.New("no go.mod above the tests")
		}
		dir = filepath.Dir(dir)
	}
}

// Python is an interpreter that has Kedro: KEDROD_TEST_PYTHON, or the one that `make
// env-kedro` makes below root.
func Python(root string) (string, error) {
	python := os.Getenv("KEDROD_TEST_PYTHON")
	if python == "" {
		python = filepath.Join(root, ".cache", "venv-kedro", "bin", "python")
	}
	if _, err := os.Stat(python); err != nil {
		return "", fmt.Errorf("no interpreter with Kedro at %s: run `make env-kedro`, or name another in KEDROD_TEST_PYTHON", python)
	}
	return python, nil
}

// Build makes the binary in dir and gives its path. It has the race detector where the
// tests have it.
func Build(root, dir string) (string, error) { return BuildVersion(root, dir, "dev") }

// BuildVersion is Build of a binary that says it has this version.
func BuildVersion(root, dir, version string) (string, error) {
	binary := filepath.Join(dir, "kedrod")
	args := []string{"build", "-buildvcs=false", "-ldflags", "-X main.version=" + version, "-o", binary}
	environ := os.Environ()
	if RaceDetector {
		args = append(args, "-race")
		environ = append(environ, "CGO_ENABLED=1")
	}
	cmd := exec.Command("go", append(args, "./cmd/kedrod")...) //nolint:noctx // the tests' own time limit bounds it
	cmd.Dir, cmd.Env = root, environ
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./cmd/kedrod: %w\n%s", err, out)
	}
	return binary, nil
}

// Parallel lets one test more run at a time than there are cores, unless -parallel says
// otherwise: these tests wait for other processes more than they work themselves.
func Parallel() error {
	flag.Parse()
	f := flag.Lookup("test.parallel")
	if f == nil || f.Value.String() != strconv.Itoa(runtime.GOMAXPROCS(0)) {
		return nil
	}
	return f.Value.Set(strconv.Itoa(runtime.GOMAXPROCS(0) + 1))
}

// Environment is this process's own, less what would change what is tested: variables
// with the prefixes of others, beside those of kedrod, Python and the desktop.
func Environment(others []string, more ...string) []string {
	// Else a process that was built with the race detector takes a second to exit.
	env := []string{"GORACE=atexit_sleep_ms=0"}
	left := append([]string{"KEDRO", "XDG_", "PYTHON", "VIRTUAL_ENV", "CONDA_PREFIX", "GORACE"}, others...)
	for _, entry := range os.Environ() {
		if !hasAny(entry, left) {
			env = append(env, entry)
		}
	}
	return append(append(env, "XDG_CONFIG_HOME="+filepath.Join(os.TempDir(), "kedrod-tests-no-settings")), more...)
}

func hasAny(text string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return false
}
