package upgrade

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/test/launch"
)

// interpreter stands where Python stands. Asked for a run it does what the pipeline's
// name says; as a helper it fails, so that no pipeline's name is refused.
const interpreter = `#!/bin/sh
case " $* " in *" run "*) ;; *) echo 'ModuleNotFoundError: kedro' >&2; exit 1 ;; esac
pipeline=$(sed -n 's/.*"pipelines*": *"\([^"]*\)".*/\1/p' "$5")
echo "start $$ $KEDROD_JOB_ID $KEDROD_ATTEMPT" >> "$RECORD"
case $pipeline in
quick) ;;
until) while [ ! -e "$RELEASE" ]; do sleep 0.05; done ;;
counting) i=0; while [ ! -e "$RELEASE" ]; do i=$((i+1)); echo "line $i"; sleep 0.005; done; echo "last $i" ;;
esac
echo "end $$ $KEDROD_JOB_ID $KEDROD_ATTEMPT" >> "$RECORD"
`

// server is a kedrod serve with a project of its own.
type server struct {
	*client.Client
	*launch.Process
	dir    string
	binary string // its own copy, to be replaced
}

func (s *server) record() string  { return filepath.Join(s.dir, "record") }
func (s *server) release() string { return filepath.Join(s.dir, "release") }

func serve(t *testing.T, env []string, args ...string) *server {
	t.Helper()
	dir := t.TempDir()
	s := &server{dir: dir, binary: filepath.Join(dir, "bin", "kedrod")}
	project := filepath.Join(dir, "project")
	for _, folder := range []string{filepath.Join(dir, "bin"), filepath.Join(project, "src", "p"), filepath.Join(project, "conf", "base")} {
		require.NoError(t, os.MkdirAll(folder, 0o700))
	}
	require.NoError(t, os.WriteFile(filepath.Join(project, "pyproject.toml"), []byte("[tool.kedro]\npackage_name = \"p\"\nproject_name = \"p\"\nkedro_init_version = \"1.0.0\"\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "python"), []byte(interpreter), 0o700))
	require.NoError(t, os.WriteFile(s.record(), nil, 0o600))
	require.NoError(t, os.Link(binary, s.binary))
	cmd := exec.CommandContext(t.Context(), s.binary, append([]string{
		"serve", "--listen", "127.0.0.1:0", "--data-dir", filepath.Join(dir, "data"), "--project", project, "--python", filepath.Join(dir, "python"),
		"--concurrency", "4",
	}, args...)...)
	cmd.Env = launch.Environment(nil, append([]string{"RECORD=" + s.record(), "RELEASE=" + s.release()}, env...)...)
	cmd.Dir = dir
	cmd.Cancel = func() error { return nil } // End ends it
	p, err := launch.Start(cmd)
	require.NoError(t, err)
	s.Process = p
	t.Cleanup(func() {
		if err := s.End(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("kedrod's log:\n%s", launch.Tail(s.Log.String(), 2000))
		}
	})
	s.Client, err = client.New(p.Base, client.Config{})
	require.NoError(t, err)
	return s
}
