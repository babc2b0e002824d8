package hostile

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// stalled is how many clients of each kind stand still at once.
const stalled = 200

// TestSlowHeaders: clients that send headers without end, or slowly, hold what was
// sent at most, and others are served.
func TestSlowHeaders(t *testing.T) {
	s := newServer(t)
	before := memory()
	for i := range stalled {
		conn := s.dial()
		_, err := fmt.Fprintf(conn, "GET /api/v1/jobs HTTP/1.1\r\nHost: x\r\nX-A: %s", strings.Repeat("a", 60_000*(i%2)))
		require.NoError(t, err)
	}
	require.Equal(t, http.StatusOK, s.call(http.MethodGet, "/api/v1/health", nil).status)
	each := shareOf(memory()-before, stalled)
	t.Logf("%d bytes for each", each)
	require.Less(t, each, int64(128<<10))

	conn := s.dial()
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	_, err := fmt.Fprintf(conn, "GET /api/v1/jobs HTTP/1.1\r\nHost: x\r\n")
	require.NoError(t, err)
	go func() { // the server hangs up in the middle
		for range 2000 {
			if _, err := fmt.Fprintf(conn, "X-A: %s\r\n", strings.Repeat("a", 1000)); err != nil {
				return
			}
		}
	}()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil { // else it was cut before the answer could be read
		require.Contains(t, line, "431")
	}
}

// perStalled is what one costs that takes nothing off: a piece of the log as JSON, which
// for control characters is six times as long, beside what a follower costs.
const perStalled = 192 << 10

// TestClientsThatDoNotRead: a log of a gigabyte that nobody takes off costs its readers'
// buffers, whether as text, as objects or as a stream, and others are served.
func TestClientsThatDoNotRead(t *testing.T) {
	s := newServer(t)
	const many = 30
	ref, path := s.running()
	require.NoError(t, os.Truncate(path, 1<<30)) // of NUL bytes, one line
	for _, query := range []string{"", "?format=jsonl", "?follow=true", "?format=jsonl&follow=true"} {
		before := memory()
		most := peak()
		for range many {
			conn := s.dial()
			_, err := fmt.Fprintf(conn, "GET /api/v1/jobs/%s/logs%s HTTP/1.1\r\nHost: x\r\n\r\n", ref.JobID, query)
			require.NoError(t, err)
			first := make([]byte, 12)
			_, err = conn.Read(first) // it has begun
			require.NoError(t, err)
			require.Equal(t, "HTTP/1.1 200", string(first))
		}
		require.Equal(t, http.StatusOK, s.call(http.MethodGet, "/api/v1/health", nil).status)
		// Until what lies between server and client is full, it is written to.
		var each int64
		require.Eventually(t, func() bool {
			each = shareOf(memory()-before, many)
			return each < perStalled
		}, 20*time.Second, 100*time.Millisecond, "%q: %d bytes for each", query, each)
		t.Logf("%q: %d bytes for each, %d at most until all stood still", query, each, shareOf(int64(most())-before, many))
	}
}
