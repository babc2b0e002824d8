package httpapi

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
)

// pipes is a listener whose one connection is a net.Pipe, which holds nothing back:
// a client that does not read blocks whoever writes.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// TestDeadClient: a client that stops reading must not hold a stream for ever, nor a
// long answer.
func TestDeadClient(t *testing.T) {
	for name, serve := range map[string]func(*api, *call) error{
		"stream": func(a *api, c *call) error {
			s, ctx, done := a.stream(c)
			defer done()
			<-ctx.Done()
			s.mu.Lock()
			defer s.mu.Unlock()
			return nil
		},
		"long answer": func(_ *api, c *call) error {
			for {
				if _, err := c.w.Write(make([]byte, writePiece)); err != nil {
					return err
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ended := make(chan time.Duration, 1)
				a := &api{o: Options{Heartbeat: 15 * time.Second}, stopping: context.Background()}
				begun := time.Now()
				server := &http.Server{ //nolint:gosec // its limits are what is tested
					Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
						w := newWriter(rw)
						_ = serve(a, &call{w: w, r: r})
						ended <- time.Since(begun)
					}),
				}
				l := &pipes{conns: make(chan net.Conn, 1), done: make(chan struct{})}
				ours, theirs := net.Pipe()
				l.conns <- theirs
				go func() { _ = server.Serve(l) }()
				_, err := io.Copy(ours, strings.NewReader("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
				require.NoError(t, err)
				took := <-ended
				require.Equal(t, writeTime, took)
				require.NoError(t, server.Close())
				_ = ours.Close()
				synctest.Wait()
			})
		})
	}
}

// TestSlowBody: a body that does not arrive holds nothing for ever, also one that
// nobody wants to read.
func TestSlowBody(t *testing.T) {
	a := &api{o: Options{MaxBody: 1 << 20}}
	refused := fault.New(fault.Unauthenticated, "")
	for name, of := range map[string]struct {
		serve func(*call) error
		lasts time.Duration
	}{
		"read":                 {func(c *call) error { _, err := a.body(c); return err }, bodyTime},
		"read, then refused":   {func(c *call) error { _, err := a.body(c); a.deny(c.w, c.r, err); return err }, bodyTime},
		"refused without that": {func(c *call) error { a.deny(c.w, c.r, refused); return refused }, passTime},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { slowBody(t, of.serve, of.lasts) })
		})
	}
}

func slowBody(t *testing.T, serve func(*call) error, lasts time.Duration) {
	t.Helper()
	ended := make(chan error, 1)
	begun := time.Now()
	server := &http.Server{ //nolint:gosec // its limits are what is tested
		Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			ended <- serve(&call{w: newWriter(rw), r: r})
		}),
	}
	l := &pipes{conns: make(chan net.Conn, 1), done: make(chan struct{})}
	ours, theirs := net.Pipe()
	l.conns <- theirs
	go func() { _ = server.Serve(l) }()
	go func() { _, _ = io.Copy(io.Discard, ours) }()
	_, err := io.Copy(ours, strings.NewReader("POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n{"))
	require.NoError(t, err)
	require.Contains(t, []fault.Code{fault.Malformed, fault.Unauthenticated}, fault.CodeOf(<-ended))
	require.Equal(t, lasts, time.Since(begun))
	require.NoError(t, server.Close())
	_ = ours.Close()
	<-time.After(time.Second) // net/http lets go of the connection a little later
}
