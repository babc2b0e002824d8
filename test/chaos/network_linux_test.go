package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
)

// link is one node's way to the database.
type link struct {
	proxy *toxiproxy.Proxy
	url   string
}

func (w *world) link(name, upstream, database string) *link {
	w.t.Helper()
	quiet := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l := &link{proxy: toxiproxy.NewProxy(quiet, name, "127.0.0.1:0", upstream)}
	require.NoError(w.t, l.proxy.Start())
	w.t.Cleanup(l.proxy.Stop)
	_, port, err := net.SplitHostPort(l.proxy.Listen)
	require.NoError(w.t, err)
	l.url = fmt.Sprintf("postgres://postgres@127.0.0.1:%s/%s?sslmode=disable", port, database)
	return l
}

// cut refuses and breaks connections for a while.
func cut(l *link, most time.Duration) fault {
	return fault{"cut to the database", func(ctx context.Context, dice *rand.Rand) error {
		l.proxy.Stop()
		hold(ctx, between(dice, 0, most))
		return l.start()
	}}
}

// hang keeps connections open and lets nothing through for a while.
func hang(l *link, most time.Duration) fault {
	return fault{"hanging connections", func(ctx context.Context, dice *rand.Rand) error {
		return l.toxic(ctx, between(dice, 0, most), hanging...)
	}}
}

// slow delays what comes through for a while.
func slow(l *link, most time.Duration) fault {
	return fault{"slow connections", func(ctx context.Context, dice *rand.Rand) error {
		return l.toxic(ctx, between(dice, 0, most), `{"name": "late", "type": "latency", "stream": "downstream", "attributes": {"latency": 200, "jitter": 150}}`)
	}}
}

func (l *link) toxic(ctx context.Context, d time.Duration, toxics ...string) error {
	if err := l.add(toxics...); err != nil {
		return err
	}
	hold(ctx, d)
	l.proxy.Toxics.ResetToxics(context.WithoutCancel(ctx))
	return nil
}

func (l *link) add(toxics ...string) error {
	for _, toxic := range toxics {
		if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(toxic)); err != nil {
			return err
		}
	}
	return nil
}

// start listens again, on the same port: somebody may have it for a moment.
func (l *link) start() error {
	for deadline := time.Now().Add(patience); ; <-time.After(10 * time.Millisecond) {
		if err := l.proxy.Start(); err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// hanging lets nothing through in either direction, and closes nothing.
var hanging = []string{
	`{"name": "up", "type": "timeout", "stream": "upstream", "attributes": {"timeout": 0}}`,
	`{"name": "down", "type": "timeout", "stream": "downstream", "attributes": {"timeout": 0}}`,
}

// A proxy that was told to hang hangs: else the suite would break nothing.
func TestLinks(t *testing.T) {
	w := newWorld(t)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = c.Write([]byte("x")); _, _ = c.Read(make([]byte, 1)); _ = c.Close() }()
		}
	}()
	l := w.link("test", listener.Addr().String(), "db")
	hears := func() bool {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.proxy.Listen)
		if err != nil {
			return false
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(200 * time.Millisecond))
		n, _ := c.Read(make([]byte, 1))
		return n == 1
	}
	require.Eventually(t, hears, patience, time.Millisecond)
	l.proxy.Stop()
	require.False(t, hears())
	require.NoError(t, l.start())
	require.Eventually(t, hears, patience, time.Millisecond)
	require.NoError(t, l.add(hanging...))
	require.False(t, hears())
	l.proxy.Toxics.ResetToxics(t.Context())
	require.Eventually(t, hears, patience, time.Millisecond)
}
