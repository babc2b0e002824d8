package httpapi_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/auth"
	"github.com/kedrod/kedrod/internal/service"
)

// raw is a client that costs next to nothing, so that the service is what is
// measured: requests as bytes on one connection, answers read by net/http.
type raw struct {
	conn net.Conn
	in   *bufio.Reader
}

func newRaw(b *testing.B, url string) *raw {
	b.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(b, err)
	b.Cleanup(func() { _ = conn.Close() })
	return &raw{conn, bufio.NewReader(conn)}
}

func (c *raw) do(b *testing.B, request string, status int) {
	b.Helper()
	if _, err := io.WriteString(c.conn, request); err != nil {
		b.Fatal(err)
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != status {
		b.Fatal(err, resp.Status)
	}
}

const benchBody = `{"pipeline_name": "train", "parameters": {"model": {"depth": 3, "rate": 0.25}, "names": ["a", "b"]}, "user_id": "bench"}`

func BenchmarkSubmit(b *testing.B) {
	r := newRig(b)
	var keys atomic.Int64
	b.SetParallelism(8) // 16 clients on two cores
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		c := newRaw(b, r.url)
		for pb.Next() {
			c.do(b, fmt.Sprintf("POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nIdempotency-Key: k%d\r\nContent-Length: %d\r\n\r\n%s",
				keys.Add(1), len(benchBody), benchBody), http.StatusCreated)
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
}

// BenchmarkAuthenticate is what a key adds to a call.
func BenchmarkAuthenticate(b *testing.B) {
	r := newRig(b)
	_, secret, err := r.service.CreateKey(b.Context(), service.Anonymous(), service.NewKey{Name: "k", Role: "viewer"})
	require.NoError(b, err)
	header := []string{"Bearer " + secret.Reveal()}
	b.ReportAllocs()
	for b.Loop() {
		key, given, ok := auth.Bearer(header)
		if _, _, err := r.service.Authenticate(service.Credential{Key: key, Given: given, Valid: ok}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	r := newRig(b)
	request := "GET /api/v1/jobs/" + r.submit() + " HTTP/1.1\r\nHost: x\r\n\r\n"
	b.SetParallelism(8)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		c := newRaw(b, r.url)
		for pb.Next() {
			c.do(b, request, http.StatusOK)
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
}
