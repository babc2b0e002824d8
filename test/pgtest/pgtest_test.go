package pgtest_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kedrod/kedrod/test/pgtest"
)

const patience = 2 * time.Minute

func TestMain(m *testing.M) {
	if os.Getenv("PGTEST_HOLD") != "" {
		hold(m)
	}
	goleak.VerifyTestMain(pgtest.Main(m))
}

// hold is a test binary that starts a server and then hangs until it is killed.
func hold(m *testing.M) {
	m.Run()
	os.Exit(0)
}

// TestHold is what TestNothingOutlivesATestBinaryThatIsKilled kills.
func TestHold(t *testing.T) {
	if os.Getenv("PGTEST_HOLD") == "" {
		return
	}
	s := pgtest.Start(t, pgtest.Options{})
	fmt.Printf("PID %d PORT %s\n", s.PID(), s.Address())
	select {}
}

func TestDatabasesAreEmptyAndApart(t *testing.T) {
	first, second := pgtest.Database(t), pgtest.Database(t)
	require.NotEqual(t, first, second)
	require.Regexp(t, `^postgres://postgres@127\.0\.0\.1:\d+/t\d+_testdatabasesareemptyandapart\?sslmode=disable$`, first)
}

func TestWhatWasCommittedOutlivesEveryEnd(t *testing.T) {
	s := pgtest.Start(t, pgtest.Options{Durable: true, Settings: map[string]string{"max_connections": "20"}})
	address := s.Address()
	_, err := s.SQL("postgres", "CREATE TABLE kept (how text)")
	require.NoError(t, err)
	var ends []string
	for _, how := range []pgtest.Mode{pgtest.Fast, pgtest.Immediate, pgtest.Kill} {
		end := strconv.Itoa(int(how))
		ends = append(ends, end)
		_, err := s.SQL("postgres", "INSERT INTO kept VALUES ('"+end+"')")
		require.NoError(t, err)
		before := s.PID()
		require.NoError(t, s.Stop(how))
		require.False(t, s.Running())
		_, err = s.SQL("postgres", "SELECT 1")
		require.Error(t, err)
		require.NoError(t, s.Restart())
		require.NotEqual(t, before, s.PID())
		require.Equal(t, address, s.Address())
		got, err := s.SQL("postgres", "SELECT how FROM kept")
		require.NoError(t, err)
		require.Equal(t, strings.Join(ends, "\n"), got)
	}
	got, err := s.SQL("postgres", "SELECT current_setting('fsync'), current_setting('max_connections'), 'a' < 'B'")
	require.NoError(t, err)
	require.Equal(t, "on|20|t", got, "the settings asked for, and no order of bytes")
}

func TestNothingOutlivesATestBinaryThatIsKilled(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, "-test.run", "^TestHold$")
	cmd.Env = append(os.Environ(), "PGTEST_HOLD=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	var pid int
	var address string
	_, err = fmt.Sscanf(line, "PID %d PORT %s", &pid, &address)
	require.NoError(t, err, line)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	require.Eventually(t, func() bool { return syscall.Kill(pid, 0) != nil }, patience, 5*time.Millisecond, "the postmaster is still there")
}
