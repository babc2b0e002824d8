package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
)

// ran is one call of the command line that has ended.
type ran struct {
	code     int
	out, err string
}

// String is for a failed test's message.
func (r ran) String() string {
	return fmt.Sprintf("exit code %d\nstdout: %s\nstderr: %s", r.code, r.out, r.err)
}

// run0 calls the binary in a folder, with more variables, and waits for its end.
func run0(t *testing.T, dir string, env []string, args ...string) ran {
	t.Helper()
	return <-start(t, dir, env, args...)
}

// start calls the binary, and gives how it went once that is known.
func start(t *testing.T, dir string, env []string, args ...string) <-chan ran {
	t.Helper()
	cmd := exec.CommandContext(within(t), binary, args...)
	cmd.Dir, cmd.Env = dir, environment(env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	require.NoError(t, cmd.Start())
	done := make(chan ran, 1)
	go func() {
		_ = cmd.Wait() // the exit code tells
		done <- ran{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
	}()
	return done
}

// cli calls a client verb for this server.
func (s *server) cli(t *testing.T, args ...string) ran {
	t.Helper()
	return <-s.cliStart(t, args...)
}

func (s *server) cliStart(t *testing.T, args ...string) <-chan ran {
	t.Helper()
	return start(t, s.setup.dir, []string{"KEDROD_URL=" + s.URL}, args...)
}

// TestExitCodes: a script knows how it went without reading a word.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	for _, c := range []struct {
		code int
		says string // on stderr
		args []string
	}{
		{0, "completed", []string{"submit", "sum", "--wait"}},
		{1, "ValueError: this run fails on purpose", []string{"submit", "fail", "--wait"}},
		{1, "ValueError: this run fails on purpose", []string{"submit", "fail", "--follow"}},
		{2, "kedrod submit sum -s count=many", []string{"submit", "sum", "-p", "count=many"}},
		{2, "kedrod submit sum -p count=true", []string{"submit", "sum", "-p", "count=True"}},
		{2, "--wait", []string{"submit", "sum", "--wiat"}},
		{2, "submit", []string{"sumbit", "sum"}},
		{2, "kedrod pipelines", []string{"submit"}},
		{4, "kedrod serve", []string{"--url", "http://127.0.0.1:1", "ps"}},
		{5, "did you mean sum", []string{"submit", "sumx"}},
		{5, "kedrod ps", []string{"show", "abcdef"}},
		{6, "kedrod cancel", []string{"submit", "sleep", "-p", "seconds=20", "--wait-timeout", "0.2"}},
	} {
		r := s.cli(t, c.args...)
		require.Equal(t, c.code, r.code, "%v: %s", c.args, r)
		require.Contains(t, r.err, c.says, "%v", c.args)
	}
	r := s.cli(t, "ps", "-o", "json")
	require.Zero(t, r.code)
	var page client.Page[client.Job]
	require.NoError(t, json.Unmarshal([]byte(r.out), &page))
	for _, job := range page.Items {
		if job.PipelineName == "sleep" && !job.Ended() {
			_, err := s.Cancel(within(t), job.ID)
			require.NoError(t, err)
		}
	}
}

// TestCancelFromTheCommandLine: whoever waits for the job is told by exit code 3.
func TestCancelFromTheCommandLine(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	id := strings.TrimSpace(s.cli(t, "submit", "sleep", "-p", "seconds=60").out)
	require.Len(t, id, 36)
	waiting := s.cliStart(t, "logs", "-f", id)
	eventually(t, "it runs", func() bool {
		j, err := s.Job(t.Context(), id, 0)
		return err == nil && j.Status == "running"
	})
	r := s.cli(t, "cancel", id[30:])
	require.Zero(t, r.code, "%s", r)
	r = <-waiting
	require.Equal(t, 3, r.code, "%s", r)
	r = s.cli(t, "cancel", id)
	require.Zero(t, r.code)
	require.Contains(t, r.out, "cancelled")
}

// TestJSONOutput is one value on standard output, whatever is told beside it.
func TestJSONOutput(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	r := s.cli(t, "submit", "fail", "--wait", "-o", "json", "-s", "message=told as JSON", "-p", "more.deep=[1,{\"a\":null}]")
	require.Equal(t, 1, r.code, "%s", r)
	var job client.Job
	require.NoError(t, json.Unmarshal([]byte(r.out), &job))
	require.Equal(t, "failed", job.Status)
	require.Equal(t, "ValueError: told as JSON", text(job.ErrorMessage))
	require.JSONEq(t, `{"message": "told as JSON", "more": {"deep": [1, {"a": null}]}}`, string(job.Parameters))
	for _, args := range [][]string{{"show", job.ID[30:]}, {"ps"}, {"pipelines"}, {"pipelines", "sum"}, {"projects"}, {"workers"}, {"cancel", job.ID}, {"version"}, {"openapi"}} {
		r := s.cli(t, append(args, "-o", "json")...)
		require.Zero(t, r.code, "%v: %s", args, r)
		require.True(t, json.Valid([]byte(r.out)), "%v: %s", args, r)
	}
}

// TestAParameterFile in YAML, of which the node gets what JSON would have said; what JSON
// can't say is refused by its line.
func TestAParameterFile(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "echo.json")
	write(t, filepath.Join(dir, "p.yaml"), "echo:\n  a.b: \"010\"\n  n: 1.5e5\n  t: \"2026-11-25\"\n  list: [true, null, 7]\necho_path: "+path+"\n")
	r := run0(t, dir, []string{"KEDROD_URL=" + s.URL}, "submit", "echo", "--params", "p.yaml", "-p", "echo.more=1.0", "--wait")
	require.Zero(t, r.code, "%s", r)
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	requireSameBytes(t, `{"a.b": "010", "list": [true, null, 7], "more": 1.0, "n": 150000.0, "t": "2026-11-25"}`, string(got), "the echo")

	write(t, filepath.Join(dir, "p.yaml"), "echo:\n  when: 2026-11-25\n")
	r = run0(t, dir, []string{"KEDROD_URL=" + s.URL}, "submit", "echo", "--params", "p.yaml")
	require.Equal(t, 2, r.code, "%s", r)
	require.Contains(t, r.err, "line 2")
}

// TestIdsMayBeShortened to any unique beginning or end of six characters.
func TestIdsMayBeShortened(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	job := s.run(t, "sum", nil)
	short := job.ID[30:]
	require.Contains(t, s.cli(t, "ps").out, short)
	r := s.cli(t, "show", short)
	require.Zero(t, r.code, "%s", r)
	require.Contains(t, r.out, job.ID)
	require.Equal(t, s.log(t, job.ID, client.LogOptions{}), s.cli(t, "logs", short).out)
	require.Equal(t, 2, s.cli(t, "show", short[:3]).code)
	require.Equal(t, 1, strings.Count(s.cli(t, "logs", short, "--tail", "1").out, "\n"))
}
