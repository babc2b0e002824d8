package httpapi_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/httpapi"
)

// TestAnUnreadBodyIsPassed: who sends everything before looking for an answer finds it,
// also where the body was no reason to refuse.
func TestAnUnreadBodyIsPassed(t *testing.T) {
	g := newGuarded(t)
	_, viewer := g.key("v", "viewer", nil)
	_, runner := g.key("r", "runner", nil)
	for want, head := range map[string]string{
		"400 malformed":          "POST /api/v1/jobs HTTP/1.1\r\nContent-Type: multipart/form-data\r\nAuthorization: Bearer " + runner,
		"401 unauthenticated":    "POST /api/v1/jobs HTTP/1.1",
		"403 forbidden":          "POST /api/v1/jobs HTTP/1.1\r\nAuthorization: Bearer " + viewer,
		"403 another origin":     "POST /api/v1/jobs HTTP/1.1\r\nOrigin: https://elsewhere.example\r\nAuthorization: Bearer " + runner,
		"404 nothing":            "POST /api/v1/none HTTP/1.1\r\nAuthorization: Bearer " + runner,
		"404 two slashes":        "POST //api/v1/jobs HTTP/1.1\r\nAuthorization: Bearer " + runner,
		"405 method_not_allowed": "PUT /api/v1/jobs HTTP/1.1\r\nAuthorization: Bearer " + runner,
		"422 unknown_field":      "POST /api/v1/jobs?no_such=1 HTTP/1.1\r\nAuthorization: Bearer " + runner,
	} {
		t.Run(want, func(t *testing.T) {
			require.Equal(t, want[:3], sendWhole(t, g.url, head))
		})
	}
	t.Run("413 too_large", func(t *testing.T) {
		require.Equal(t, "413", sendWhole(t, g.url, "POST /api/v1/jobs HTTP/1.1\r\nAuthorization: Bearer "+runner))
	})
}

// sendWhole sends all of a request, of more bytes than the kernel holds, then gives the
// answer's status.
func sendWhole(t *testing.T, url, head string) string {
	t.Helper()
	const size = 3 * httpapi.DefaultMaxBody
	address := strings.TrimPrefix(url, "http://")
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(30*time.Second)))
	_, err = fmt.Fprintf(conn, "%s\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", head, address, size)
	require.NoError(t, err)
	_, err = conn.Write(make([]byte, size))
	require.NoError(t, err, "the connection broke before everything was sent")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.Status[:3]
}
