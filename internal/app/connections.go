package app

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// crowded is a listener that keeps a share of the process's files free for the store,
// logs and runs: connections beyond that are told to come again.
type crowded struct {
	net.Listener
	limit int64
	open  atomic.Int64
}

func newCrowded(l net.Listener, limit int64) *crowded { return &crowded{Listener: l, limit: limit} }

// fileShare is which part of the files that may be open connections may have.
const fileShare = 0.75

// limitConnections bounds the connections of a listener, where the system bounds the
// open files of a process. Go has raised the limit to what the administrator allows.
func limitConnections(l net.Listener) net.Listener {
	if files := maxFiles(); files > 0 {
		return newCrowded(l, int64(float64(files)*fileShare))
	}
	return l
}

// tooMany is written before anything is read; so short, it never blocks.
func tooMany() []byte {
	const body = `{"type":"about:blank","title":"Service Unavailable","status":503,"code":"unavailable","detail":"too many connections are open here"}`
	return fmt.Appendf(nil, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n"+
		"Retry-After: 1\r\nConnection: close\r\n\r\n%s", len(body), body)
}

// maxFiles is how many files this process may have open; 0: no bound that matters.
func maxFiles() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > 1<<20 {
		return 0
	}
	return limit.Cur
}

// Accept gives the next connection that there is room for.
func (c *crowded) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c.open.Add(1) <= c.limit {
			return &countedConn{Conn: conn, gone: sync.OnceFunc(func() { c.open.Add(-1) })}, nil
		}
		c.open.Add(-1)
		_ = conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		_, _ = conn.Write(tooMany()) // who does not hear it sees the end
		_ = conn.Close()
	}
}

// countedConn makes room when it is closed.
type countedConn struct {
	net.Conn
	gone func()
}

// Close closes the connection.
func (c *countedConn) Close() error {
	c.gone()
	return c.Conn.Close()
}
