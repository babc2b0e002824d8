//go:build unix

// Package systemd tells the service manager how the service stands, by the protocol of
// sd_notify(3): datagrams to the socket that NOTIFY_SOCKET names. It is a few lines, so
// no library is needed for it. Without such a manager everything here does nothing.
package systemd

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// Manager is the service manager that started the process. Make it with Of.
type Manager struct {
	address  string        // "": there is none
	watchdog time.Duration // 0: it watches nothing
}

// Of finds the manager in the environment, as os.Environ gives it. A watchdog that is
// meant for another process (WATCHDOG_PID) is none of ours.
func Of(environ []string) Manager {
	var m Manager
	var usec, pid string
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		switch name {
		case "NOTIFY_SOCKET":
			if strings.HasPrefix(value, "/") || strings.HasPrefix(value, "@") { // others are no Unix sockets
				m.address = value
			}
		case "WATCHDOG_USEC":
			usec = value
		case "WATCHDOG_PID":
			pid = value
		}
	}
	if pid == "" || pid == strconv.Itoa(os.Getpid()) {
		if n, err := strconv.ParseInt(usec, 10, 64); err == nil && n > 0 && n < int64(24*time.Hour/time.Microsecond) {
			m.watchdog = time.Duration(n) * time.Microsecond
		}
	}
	return m
}

// Ready says that the service serves, after its start or a reload.
func (m Manager) Ready(status string) error {
	lines := []string{"READY=1", "STATUS=" + oneLine(status)}
	if m.watchdog > 0 { // what Reloading has changed
		lines = append(lines, fmt.Sprintf("WATCHDOG_USEC=%d", m.watchdog.Microseconds()))
	}
	return m.send(lines...)
}

// reloadTime is how long the watchdog waits at most while the service goes over to another
// program, which may have tables to bring up to date.
const reloadTime = 10 * time.Minute

// Reloading says that the service goes over to other settings or another program; Ready
// ends that.
func (m Manager) Reloading(status string) error {
	lines := []string{"RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", monotonic().Microseconds()), "STATUS=" + oneLine(status)}
	if m.watchdog > 0 {
		lines = append(lines, fmt.Sprintf("WATCHDOG_USEC=%d", reloadTime.Microseconds()))
	}
	return m.send(lines...)
}

// Stopping says that it has begun to stop.
func (m Manager) Stopping(status string) error {
	return m.send("STOPPING=1", "STATUS="+oneLine(status))
}

// Watch gives the watchdog a sign of life, three times in each of its periods, while
// alive returns nil within a third of one. It returns when ctx ends; what alive or the
// socket returned instead goes to failed.
func (m Manager) Watch(ctx context.Context, alive func(context.Context) error, failed func(error)) {
	if m.address == "" || m.watchdog == 0 {
		return
	}
	third := m.watchdog / 3
	ticker := time.NewTicker(third)
	defer ticker.Stop()
	for {
		bounded, cancel := context.WithTimeout(ctx, third)
		err := alive(bounded)
		cancel()
		if err == nil {
			err = m.send("WATCHDOG=1")
		}
		if err != nil && ctx.Err() == nil {
			failed(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// send writes one datagram. Go takes an address that begins with @ for an abstract one.
func (m Manager) send(lines ...string) error {
	if m.address == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: m.address, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	if _, err := conn.Write([]byte(strings.Join(lines, "\n"))); err != nil {
		return fmt.Errorf("tell the service manager: %w", err)
	}
	return nil
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
