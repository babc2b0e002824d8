package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
)

// setup says how a kedrod serve is started.
type setup struct {
	projects []string // folders, given by --project
	python   string   // "": the one with Kedro; "none": no --python
	args     []string // more flags
	env      []string // more variables, NAME=value
	dir      string   // working directory; "": an empty one
	data     string   // data folder; "": a new one
}

// server is one kedrod serve that was started.
type server struct {
	*client.Client
	URL  string
	Line string // what it printed when it listened
	Data string

	setup   setup
	cmd     *exec.Cmd
	errs    *lockedBuffer
	ended   chan struct{} // closed when the process has been waited for
	code    int           // its exit code then, -1 for a signal
	stopped bool          // the test ended it itself
}

// launch starts one and waits until it listens.
func launch(s setup, scratch string) (*server, error) {
	if s.data == "" {
		s.data = filepath.Join(scratch, "data")
	}
	if s.dir == "" {
		s.dir = filepath.Join(scratch, "cwd")
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return nil, err
	}
	cmd := exec.Command(binary, s.flags("serve")...)
	cmd.Dir, cmd.Env = s.dir, environment(s.env...)
	cmd.Stdin = nil
	errs := new(lockedBuffer)
	cmd.Stderr = errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	srv := &server{Data: s.data, setup: s, cmd: cmd, errs: errs, ended: make(chan struct{})}
	first := make(chan string, 1)
	go func() {
		defer close(srv.ended)
		lines := bufio.NewReader(out)
		line, _ := lines.ReadString('\n')
		first <- line
		_, _ = io.Copy(io.Discard, lines)
		_ = cmd.Wait()
		srv.code = cmd.ProcessState.ExitCode()
	}()
	select {
	case srv.Line = <-first:
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		<-srv.ended
		return nil, fmt.Errorf("kedrod serve did not listen within %s:\n%s", patience, errs)
	}
	srv.URL = regexp.MustCompile(`http://[0-9A-Za-z.:\[\]-]+`).FindString(srv.Line)
	if srv.URL == "" {
		<-srv.ended
		return srv, fmt.Errorf("kedrod serve printed %q and ended with %d:\n%s", srv.Line, srv.code, errs)
	}
	srv.Client, err = client.New(srv.URL, client.Config{})
	return srv, err
}

// flags gives the arguments of a verb that takes serve's flags.
func (s setup) flags(verb string) []string {
	args := []string{verb}
	if verb == "serve" {
		args = append(args, "--listen", "127.0.0.1:0")
	}
	if s.data != "" {
		args = append(args, "--data-dir", s.data)
	}
	for _, p := range s.projects {
		args = append(args, "--project", p)
	}
	switch s.python {
	case "":
		args = append(args, "--python", python)
	case "none":
	default:
		args = append(args, "--python", s.python)
	}
	return append(args, s.args...)
}

// serve starts one that ends with the test.
func serve(t *testing.T, s setup) *server {
	t.Helper()
	srv, err := launch(s, t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := srv.finish(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("kedrod's log:\n%s", tail(srv.errs.String(), 60))
		}
	})
	return srv
}

// again starts another on the same folder with the same settings.
func (s *server) again(t *testing.T) *server {
	t.Helper()
	return serve(t, s.setup)
}

// signal sends one to serve alone.
func (s *server) signal(t *testing.T, sig os.Signal) {
	t.Helper()
	s.stopped = true
	require.NoError(t, s.cmd.Process.Signal(sig))
}

// crash is kill -9. It returns when the process is gone.
func (s *server) crash(t *testing.T) {
	t.Helper()
	s.signal(t, syscall.SIGKILL)
	s.wait(t)
}

// wait gives the exit code once the process has ended.
func (s *server) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-s.ended:
	case <-time.After(patience):
		require.FailNow(t, "kedrod serve did not end", "%s", tail(s.errs.String(), 40))
	}
	return s.code
}

// finish ends the process by SIGTERM, unless the test did, and tells what was wrong
// with it.
func (s *server) finish() error {
	if !s.stopped {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
	}
	select {
	case <-s.ended:
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		<-s.ended
		return fmt.Errorf("kedrod serve did not end after SIGTERM")
	}
	log := s.errs.String()
	switch {
	case strings.Contains(log, "WARNING: DATA RACE"):
		return fmt.Errorf("a data race in kedrod serve:\n%s", log)
	case strings.Contains(log, "panic"):
		return fmt.Errorf("a panic in kedrod serve:\n%s", log)
	case !s.stopped && s.code != 0:
		return fmt.Errorf("kedrod serve ended with %d:\n%s", s.code, tail(log, 40))
	}
	return nil
}

// environment is this process's own, less what would change what is tested.
func environment(more ...string) []string {
	// Else a process that was built with the race detector takes a second to exit.
	env := []string{"GORACE=atexit_sleep_ms=0"}
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		switch {
		case strings.HasPrefix(name, "KEDRO"), strings.HasPrefix(name, "XDG_"), strings.HasPrefix(name, "PYTHON"),
			name == "VIRTUAL_ENV", name == "CONDA_PREFIX", name == "GORACE":
		default:
			env = append(env, entry)
		}
	}
	return append(append(env, "XDG_CONFIG_HOME="+filepath.Join(os.TempDir(), "kedrod-e2e-no-settings")), more...)
}

// pool is the server of tests that leave no traces others could see.
type pool struct {
	once    sync.Once
	scratch string
	project string
	server  *server
	err     error
}

var shared pool

// sharedServer gives the one server that many tests use. It serves a copy of the
// project minimal, whose registry is known.
func sharedServer(t *testing.T) *server {
	t.Helper()
	shared.once.Do(func() {
		if shared.scratch, shared.err = os.MkdirTemp("", "kedrod-e2e-shared-"); shared.err != nil { //nolint:usetesting // it outlives the test
			return
		}
		shared.project = filepath.Join(shared.scratch, "minimal")
		if shared.err = copyTree(filepath.Join(root, "test", "projects", "minimal"), shared.project); shared.err != nil {
			return
		}
		shared.server, shared.err = launch(setup{projects: []string{shared.project}, args: []string{"--concurrency", "3"}}, shared.scratch)
	})
	require.NoError(t, shared.err)
	known(t, shared.server)
	return shared.server
}

// stop ends the shared server. A data race in it ends the tests with an error.
func (p *pool) stop() {
	if p.server != nil {
		if err := p.server.finish(); err != nil {
			panic(err)
		}
	}
	if p.scratch != "" {
		_ = os.RemoveAll(p.scratch)
	}
}

// known waits until the registries of all its projects were read.
func known(t *testing.T, s *server) {
	t.Helper()
	eventually(t, "the registry is known", func() bool {
		list, err := s.Pipelines(t.Context(), "")
		if err != nil {
			return false
		}
		for _, p := range list.Projects {
			if !p.Known && p.Error == nil {
				return false
			}
		}
		return true
	})
}

// eventually polls until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	end := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-end:
			require.FailNow(t, "it did not come about in time: "+what)
		}
	}
}

// within is a context for one wait.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// lockedBuffer gathers what a process prints while others read it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// tail is the last lines of a text.
func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
