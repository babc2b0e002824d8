package app

import (
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCrowded: one connection more than there is room for is told so, and once
// another goes there is room again.
func TestCrowded(t *testing.T) {
	inner, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := newCrowded(inner, 2)
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hello")
	})}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	dial := func() net.Conn {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", inner.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	one, two := dial(), dial()
	require.Eventually(t, func() bool { return l.open.Load() == 2 }, 5*time.Second, time.Millisecond)
	b, err := io.ReadAll(dial())
	require.NoError(t, err)
	require.Contains(t, string(b), "503 Service Unavailable\r\n")
	require.Contains(t, string(b), "\r\nRetry-After: 1\r\n")
	require.NoError(t, one.Close())
	require.NoError(t, two.Close())
	require.Eventually(t, func() bool { return l.open.Load() == 0 }, 5*time.Second, time.Millisecond)
	conn := dial()
	_, err = io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n")
	require.NoError(t, err)
	b, err = io.ReadAll(conn)
	require.NoError(t, err)
	require.Contains(t, string(b), "hello")
}
