//go:build unix

// Package handover replaces the program of this process by a newer one: the process id, its children and chosen descriptors go on, and a
// state goes with them. It knows what goes over, not what it means.
//
// The new image is told by one variable, KEDROD_HANDOVER, whose value is the descriptor of a memory file that holds the state; there it is no
// setting, and no child sees it.
package handover

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Variable names the environment variable that tells a new image of the state.
const Variable = "KEDROD_HANDOVER"

// maxState bounds a state: jobs with their parameters, a few MB each at most.
const maxState = 1 << 30

//nolint:gochecknoglobals // the process has one environment and one set of signal handlers
var (
	received string         // what Variable said
	early    chan os.Signal // hears the signals that come before main can ask for them; nil in a process that was not handed anything
	upgrade  chan os.Signal // UpgradeSignals'
)

// init asks for signals as early as can be: one that stops the service and comes between exec and this would kill the runs with it.
func init() {
	if received = os.Getenv(Variable); received != "" {
		early = make(chan os.Signal, 4)
		signal.Notify(early, syscall.SIGINT, syscall.SIGTERM)
		_ = os.Unsetenv(Variable) // fails for names that are none
	}
}

// StopSignals gives a channel that hears SIGINT and SIGTERM, those included that came since the new image began.
func StopSignals() chan os.Signal {
	if early != nil {
		return early
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	return signals
}

// UpgradeSignals gives a channel that hears SIGUSR2. There is one, so that a failed Exec can listen again.
func UpgradeSignals() <-chan os.Signal {
	if upgrade == nil {
		upgrade = make(chan os.Signal, 1)
	}
	signal.Notify(upgrade, syscall.SIGUSR2)
	return upgrade
}

// Received gives the state that an earlier image left; nil if there was none. It keeps all descriptors from children. Call it once, before
// anything is started.
func Received() ([]byte, error) {
	if received == "" {
		return nil, nil
	}
	fd, err := strconv.Atoi(received)
	if err != nil || fd <= 2 {
		return nil, fmt.Errorf("%s=%s: only kedrod itself sets this variable", Variable, received)
	}
	if err := closeOnExec(); err != nil {
		return nil, fmt.Errorf("keep inherited descriptors out of children: %w", err)
	}
	f := os.NewFile(uintptr(fd), "state")
	state, err := io.ReadAll(io.NewSectionReader(f, 0, maxState))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read the state of the earlier program: %w", err)
	}
	return state, nil
}

// Exec replaces this process's program. Descriptors keep their numbers; those that are not named are closed. It returns only if that fails, and
// then nothing has changed.
func Exec(path string, argv, environ []string, state []byte, descriptors []int) error {
	memory, err := memoryFile(state)
	if err != nil {
		return err
	}
	defer func() { _ = memory.Close() }()
	fd := int(memory.Fd())
	environ = append(without(environ), Variable+"="+strconv.Itoa(fd))
	err = replace(path, argv, environ, append([]int{fd}, descriptors...))
	if upgrade != nil {
		signal.Notify(upgrade, syscall.SIGUSR2)
	}
	return err
}

func without(environ []string) []string {
	var out []string
	for _, entry := range environ {
		if !strings.HasPrefix(entry, Variable+"=") {
			out = append(out, entry)
		}
	}
	return out
}

// Program gives the absolute path by which a process was started as name, links left as they are: after an upgrade the newer file is there, whereas
// /proc/self/exe goes on naming the old one.
func Program(name, path string) (string, error) {
	if strings.ContainsRune(name, '/') {
		return filepath.Abs(name)
	}
	for _, dir := range filepath.SplitList(path) {
		candidate := filepath.Join(dir, name)
		if info, err := os.Stat(candidate); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return filepath.Abs(candidate)
		}
	}
	return os.Executable()
}
