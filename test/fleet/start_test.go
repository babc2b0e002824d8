package fleet

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/test/launch"
)

func writeFile(path, text string) error { return os.WriteFile(path, []byte(text), 0o600) }

// verb runs a verb to its end and gives what it printed.
func verb(t *testing.T, f *fleet, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env, cmd.Dir = launch.Environment([]string{"PG"}), f.dir
	out, err := cmd.Output()
	require.NoError(t, err)
	return string(out)
}

// refused runs what must not start, and gives its standard error.
func refused(t *testing.T, f *fleet, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env, cmd.Dir = launch.Environment([]string{"PG"}), f.dir
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	require.Error(t, cmd.Run())
	require.Empty(t, out.String())
	require.NotContains(t, err.String(), "hunter2")
	return err.String()
}

// TestRefusedStarts say what to do, and never a password.
func TestRefusedStarts(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	host := strings.Split(strings.SplitAfterN(f.database, "@", 2)[1], "/")[0]
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"a worker without a database":     {[]string{"worker"}, "--concurrency"},
		"no URL":                          {[]string{"worker", "--database-url", "hunter2"}, "postgres://"},
		"nobody there":                    {[]string{"serve", "--listen", "127.0.0.1:0", "--database-url", "postgres://u:hunter2@127.0.0.1:1/d"}, "database"},
		"no such user":                    {[]string{"worker", "--database-url", "postgres://nobody:hunter2@" + host + "/postgres"}, "database"},
		"a backup of what is not a file":  {[]string{"backup", "x", "--database-url", "postgres://u:hunter2@h/d"}, "pg_dump"},
		"keys on a database that is away": {[]string{"keys", "list", "--database-url", "postgres://u:hunter2@127.0.0.1:1/d"}, "database"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := c.args
			if args[0] != "keys" {
				args = append(args, "--project", f.project(), "--python", f.python(), "--data-dir", filepath.Join(t.TempDir(), "data"))
			}
			require.Contains(t, refused(t, f, args...), c.says)
		})
	}
	// Two on one machine need two folders.
	p, _ := f.work()
	_ = p
	require.Contains(t, refused(t, f, "worker", "--database-url-file", f.url(), "--project", f.project(), "--python", f.python(),
		"--data-dir", filepath.Join(f.dir, "data-b")), "another --data-dir")
}

// TestDoctorLooksAtTheDatabase as often as it is asked to.
func TestDoctorLooksAtTheDatabase(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	data := filepath.Join(t.TempDir(), "data")
	doctor := func(url string) string {
		cmd := exec.CommandContext(t.Context(), binary, "doctor", "--database-url", url, "--project", f.project(), "--python", f.python(), "--data-dir", data)
		cmd.Env, cmd.Dir = launch.Environment([]string{"PG"}), f.dir
		out, _ := cmd.CombinedOutput() // the stand-in for Python is a finding
		require.NotContains(t, string(out), url)
		return string(out)
	}
	said := doctor(f.database)
	require.Regexp(t, `ok +database: .* on PostgreSQL [0-9]+`, said)
	require.Contains(t, said, "no synchronous standby")
	require.Equal(t, said, doctor(f.database))
	require.Contains(t, doctor("postgres://u:hunter2@127.0.0.1:1/d"), "error  database: ")
}
