package upgrade

import (
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/test/launch"
)

// manager is the service manager's end of the notification socket.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
	path string
}

func newManager(t *testing.T) *manager {
	t.Helper()
	m := &manager{t: t, path: filepath.Join(t.TempDir(), "notify")}
	var err error
	m.conn, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.conn.Close()) })
	return m
}

// until reads messages until one holds the text, and gives all of them.
func (m *manager) until(text string) (all []string) {
	m.t.Helper()
	buf := make([]byte, 4096)
	require.NoError(m.t, m.conn.SetReadDeadline(time.Now().Add(launch.Patience)))
	for {
		n, err := m.conn.Read(buf)
		require.NoError(m.t, err, "waiting for %q after %q", text, all)
		if all = append(all, string(buf[:n])); strings.Contains(all[len(all)-1], text) {
			return all
		}
	}
}

// The service manager hears when kedrod serves, while it lives, and when it stops; a
// process that is stopped is silent.
func TestServiceManagerHears(t *testing.T) {
	m := newManager(t)
	s := serve(t, []string{"NOTIFY_SOCKET=" + m.path, "WATCHDOG_USEC=900000"})
	first := m.until("READY=1")
	require.Contains(t, first[len(first)-1], "STATUS=kedrod listens on "+s.Base)
	m.until("WATCHDOG=1")
	m.until("WATCHDOG=1")
	require.NoError(t, s.Signal(syscall.SIGTERM))
	m.until("STOPPING=1")
	code, err := s.Exited()
	require.NoError(t, err)
	require.Zero(t, code)
}
