package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/test/launch"
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
	*launch.Process
	URL   string
	Data  string
	setup setup
}

// startServer starts one and waits until it listens.
func startServer(s setup, scratch string) (*server, error) {
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
	p, err := launch.Start(cmd)
	if err != nil {
		return nil, err
	}
	srv := &server{Process: p, URL: p.Base, Data: s.data, setup: s}
	srv.Client, err = client.New(p.Base, client.Config{})
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
	srv, err := startServer(s, t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := srv.End(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("kedrod's log:\n%s", launch.Tail(srv.Log.String(), 60))
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
	require.NoError(t, s.Signal(sig))
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
	code, err := s.Exited()
	require.NoError(t, err)
	return code
}

func environment(more ...string) []string { return launch.Environment(nil, more...) }

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
		shared.server, shared.err = startServer(setup{projects: []string{shared.project}, args: []string{"--concurrency", "3"}}, shared.scratch)
	})
	require.NoError(t, shared.err)
	known(t, shared.server)
	return shared.server
}

// stop ends the shared server. A data race in it ends the tests with an error.
func (p *pool) stop() {
	if p.server != nil {
		if err := p.server.End(); err != nil {
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
