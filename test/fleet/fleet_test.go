package fleet

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/test/launch"
	"github.com/kedrod/kedrod/test/pgtest"
)

// interpreter stands where Python stands. Asked for a run it does what the pipeline's
// name says; as a helper it fails, so that no pipeline's name is refused.
const interpreter = `#!/bin/sh
case " $* " in *" run "*) ;; *) echo 'ModuleNotFoundError: kedro' >&2; exit 1 ;; esac
pipeline=$(sed -n 's/.*"pipelines*": *"\([^"]*\)".*/\1/p' "$5")
echo "start $KEDROD_JOB_ID $KEDROD_ATTEMPT" >> "$RECORD"
env > "$RECORD.env.$KEDROD_JOB_ID"
case $pipeline in
quick) echo "hello from $KEDROD_JOB_ID" ;;
until) echo begun; while [ ! -e "$RELEASE" ]; do sleep 0.05; done; echo done ;;
esac
echo "end $KEDROD_JOB_ID $KEDROD_ATTEMPT" >> "$RECORD"
`

// fleet is a database and the processes on it.
type fleet struct {
	t        *testing.T
	dir      string
	database string
	n        int
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	return newFleetOn(t, pgtest.Database(t))
}

func newFleetOn(t *testing.T, database string) *fleet {
	t.Helper()
	f := &fleet{t: t, dir: t.TempDir(), database: database}
	for _, folder := range []string{"src/p", "conf/base"} {
		require.NoError(t, os.MkdirAll(filepath.Join(f.project(), folder), 0o700))
	}
	require.NoError(t, os.WriteFile(filepath.Join(f.project(), "pyproject.toml"), []byte("[tool.kedro]\npackage_name = \"p\"\nproject_name = \"p\"\nkedro_init_version = \"1.0.0\"\n"), 0o600))
	require.NoError(t, os.WriteFile(f.python(), []byte(interpreter), 0o700))
	require.NoError(t, os.WriteFile(f.record(), nil, 0o600))
	require.NoError(t, os.WriteFile(f.url(), []byte(f.database+"\n"), 0o600))
	return f
}

func (f *fleet) project() string { return filepath.Join(f.dir, "project") }
func (f *fleet) python() string  { return filepath.Join(f.dir, "python") }
func (f *fleet) record() string  { return filepath.Join(f.dir, "record") }
func (f *fleet) release() string { return filepath.Join(f.dir, "release") }
func (f *fleet) url() string     { return filepath.Join(f.dir, "url") }

// command is a verb on the fleet's database and project, with a data folder of its own.
func (f *fleet) command(verb string, args ...string) *exec.Cmd {
	f.n++
	all := []string{verb, "--data-dir", filepath.Join(f.dir, "data-"+string(rune('a'+f.n))), "--database-url-file", f.url(), "--project", f.project(), "--python", f.python()}
	cmd := exec.CommandContext(context.WithoutCancel(f.t.Context()), binary, append(all, args...)...)
	// Of our own variables none may reach a run.
	cmd.Env = launch.Environment([]string{"PG"}, "RECORD="+f.record(), "RELEASE="+f.release(), "PGAPPNAME=fleet", "PGSSLMODE=prefer", "SECRET_COPY="+f.database)
	cmd.Dir = f.dir
	return cmd
}

func (f *fleet) ends(p *launch.Process) {
	f.t.Cleanup(func() {
		if err := p.End(); err != nil {
			f.t.Error(err)
		}
		if f.t.Failed() {
			f.t.Logf("the log of process %d:\n%s", p.PID, launch.Tail(p.Log.String(), 60))
		}
	})
}

// server is a kedrod serve.
type server struct {
	*client.Client
	*launch.Process
	f *fleet
}

func (f *fleet) serve(args ...string) *server {
	f.t.Helper()
	p, err := launch.Start(f.command("serve", append([]string{"--listen", "127.0.0.1:0"}, args...)...))
	require.NoError(f.t, err)
	f.ends(p)
	return &server{f.client(p.Base, ""), p, f}
}

func (f *fleet) client(base, key string) *client.Client {
	f.t.Helper()
	c, err := client.New(base, client.Config{APIKey: key})
	require.NoError(f.t, err)
	return c
}

// work starts a kedrod worker and gives its id too.
func (f *fleet) work(args ...string) (*launch.Process, string) {
	f.t.Helper()
	p, err := launch.StartReady(f.command("worker", args...))
	require.NoError(f.t, err)
	f.ends(p)
	words := strings.Fields(p.Line)
	require.Greater(f.t, len(words), 3, "it says when it is ready: %q\n%s", p.Line, p.Log)
	require.Equal(f.t, []string{"kedrod", "worker"}, words[:2])
	return p, words[2]
}

func (f *fleet) text(path string) string {
	f.t.Helper()
	b, err := os.ReadFile(path)
	if !errors.Is(err, os.ErrNotExist) {
		require.NoError(f.t, err)
	}
	return string(b)
}

func (f *fleet) eventually(what string, ok func() bool) {
	f.t.Helper()
	require.Eventually(f.t, ok, launch.Patience, 10*time.Millisecond, "never: %s", what)
}

func (s *server) submit(pipeline string, change func(*client.Submission)) *client.Job {
	s.f.t.Helper()
	sub := client.Submission{PipelineName: pipeline}
	if change != nil {
		change(&sub)
	}
	j, err := s.Submit(s.f.t.Context(), sub, client.SubmitOptions{})
	require.NoError(s.f.t, err)
	return j
}

func (s *server) job(id string) *client.Job {
	s.f.t.Helper()
	j, err := s.Job(s.f.t.Context(), id, 0)
	require.NoError(s.f.t, err)
	return j
}

// becomes waits until the job has the status.
func (s *server) becomes(id, status string) *client.Job {
	s.f.t.Helper()
	s.f.eventually("job "+id+" is "+status, func() bool { return s.job(id).Status == status })
	return s.job(id)
}

// waits looks until the job says so.
func (s *server) waits(id, says string) {
	s.f.t.Helper()
	s.f.eventually("job "+id+" waits: "+says, func() bool {
		j := s.job(id)
		return j.WaitingFor != nil && strings.Contains(*j.WaitingFor, says)
	})
}
