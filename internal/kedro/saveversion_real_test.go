package kedro

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestNoTwoRunsGetOneSaveVersion: six processes ask as fast as they can, more often than there are milliseconds.
func TestNoTwoRunsGetOneSaveVersion(t *testing.T) {
	const code = `
import os, sys, kedrod_hook
from kedro.framework.session import session
kedrod_hook.init()
kedrod_hook.VERSION_WAIT = 60
children = []
for child in range(6):
    pid = os.fork()
    if pid == 0:
        lines = "".join(session.generate_timestamp() + "\n" for _ in range(50))
        os.write(1, lines.encode())
        os._exit(0)
    children.append(pid)
sys.exit(sum(os.waitpid(pid, 0)[1] for pid in children))
`
	versions := timestamps(t, filepath.Join(t.TempDir(), "save-version"), code)
	require.Len(t, versions, 300)
	slices.Sort(versions)
	require.Len(t, slices.Compact(versions), 300)
}

// TestASaveVersionIsAlwaysGiven: no folder, no file, another's lock, and a clock that was set back.
func TestASaveVersionIsAlwaysGiven(t *testing.T) {
	const ask = `
import kedrod_hook
from kedro.framework.session import session
kedrod_hook.init()
`
	dir := t.TempDir()
	for _, path := range []string{"", "/does/not/exist/v", dir, "/dev/full"} {
		require.Len(t, timestamps(t, path, ask+"print(session.generate_timestamp())"), 1, path)
	}
	held := timestamps(t, filepath.Join(dir, "held"), ask+`
import fcntl, os
holder = open(os.environ["KEDROD_SAVE_VERSIONS"], "w")
fcntl.flock(holder, fcntl.LOCK_EX)
print(session.generate_timestamp())
`)
	require.Len(t, held, 1)
	ahead := filepath.Join(dir, "ahead")
	require.NoError(t, os.WriteFile(ahead, []byte("2999-01-01T00.00.00.000Z"), 0o600))
	got := timestamps(t, ahead, ask+"for _ in range(2):\n    print(session.generate_timestamp())")
	require.Len(t, got, 2)
	require.Less(t, got[0], got[1], "the file goes on from the clock as it is now")
}

var versionForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d\.\d{3}Z$`)

// timestamps runs code with our hook on the path and gives the lines it printed.
func timestamps(t *testing.T, path, code string) []string {
	t.Helper()
	env, err := Environment(os.Environ(), EnvPolicy{}, RunEnv{HookDir: unpacked(t).HookDir, SaveVersions: path})
	require.NoError(t, err)
	result, err := execRunner{}.Output(t.Context(), Command{Argv: []string{realPython(t).Path, "-c", code}, Env: env, Limit: time.Minute})
	require.NoError(t, err)
	require.Zero(t, result.ExitCode, "%s", result.Stderr)
	lines := strings.Fields(string(result.Stdout))
	return slices.DeleteFunc(lines, func(line string) bool { return !versionForm.MatchString(line) }) // Kedro's log
}
