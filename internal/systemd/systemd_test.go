package systemd_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/systemd"
)

// manager listens as systemd does.
func manager(t *testing.T, address string) func() string {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return func() string {
		buf := make([]byte, 4096)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
		n, err := conn.Read(buf)
		require.NoError(t, err)
		return string(buf[:n])
	}
}

func TestManagerHears(t *testing.T) {
	for name, address := range map[string]string{
		"file":     filepath.Join(t.TempDir(), "notify"),
		"abstract": "@kedrod-test-" + strconv.Itoa(os.Getpid()),
	} {
		t.Run(name, func(t *testing.T) {
			heard := manager(t, address)
			m := systemd.Of([]string{"NOTIFY_SOCKET=" + address})
			require.NoError(t, m.Ready("listens on\nhttp://here"))
			require.Equal(t, "READY=1\nSTATUS=listens on http://here", heard())
			require.NoError(t, m.Reloading("over"))
			require.Regexp(t, `^RELOADING=1\nMONOTONIC_USEC=\d+\nSTATUS=over$`, heard())
			require.NoError(t, m.Stopping("draining"))
			require.Equal(t, "STOPPING=1\nSTATUS=draining", heard())
		})
	}
}

func TestWithoutManager(t *testing.T) {
	for _, environ := range [][]string{nil, {"NOTIFY_SOCKET="}, {"NOTIFY_SOCKET=vsock:2:9", "WATCHDOG_USEC=1000"}} {
		m := systemd.Of(environ)
		require.NoError(t, m.Ready("ready"))
		m.Watch(t.Context(), func(context.Context) error { t.Error("nobody asked"); return nil }, func(err error) { t.Error(err) })
	}
	require.Error(t, systemd.Of([]string{"NOTIFY_SOCKET=" + filepath.Join(t.TempDir(), "none")}).Ready("ready"))
}

// A watchdog is fed while the service is alive, and only then.
func TestWatchdog(t *testing.T) {
	address := filepath.Join(t.TempDir(), "notify")
	heard := manager(t, address)
	m := systemd.Of([]string{"NOTIFY_SOCKET=" + address, "WATCHDOG_USEC=30000", "WATCHDOG_PID=" + strconv.Itoa(os.Getpid())})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	hangs := errors.New("hangs")
	var looks atomic.Int64
	failures, done := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(done)
		m.Watch(ctx, func(context.Context) error {
			if looks.Add(1) > 2 {
				return hangs
			}
			return nil
		}, func(err error) {
			select {
			case failures <- err:
			default:
			}
		})
	}()
	require.Equal(t, "WATCHDOG=1", heard())
	require.Equal(t, "WATCHDOG=1", heard())
	require.ErrorIs(t, <-failures, hangs)
	require.NoError(t, m.Ready("next"))
	require.Equal(t, "READY=1\nSTATUS=next\nWATCHDOG_USEC=30000", heard(), "nothing was sent while it hung")
	cancel()
	<-done
}

// What hangs for a third of the period counts as not alive.
func TestWatchdogBoundsTheLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := systemd.Of([]string{"NOTIFY_SOCKET=/nonexistent", "WATCHDOG_USEC=30000000"})
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		m.Watch(ctx, func(look context.Context) error { <-look.Done(); return look.Err() }, func(err error) {
			require.ErrorIs(t, err, context.DeadlineExceeded)
			cancel()
		})
		require.Equal(t, 10*time.Second, time.Since(began))
	})
}

func TestWatchdogOfAnother(t *testing.T) {
	m := systemd.Of([]string{"NOTIFY_SOCKET=/nonexistent", "WATCHDOG_USEC=1000", "WATCHDOG_PID=1"})
	m.Watch(t.Context(), func(context.Context) error { t.Error("nobody asked"); return nil }, func(err error) { t.Error(err) })
}
