package executor

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// hold lets no run be announced until thaw; those that wait for a guard are sent away.
func (l *guardLink) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = true
	l.signal()
}

// freeze waits until a guard has answered all that it was sent, and returns with the link's lock held: nothing is sent to it, and no other is
// started, until thaw.
func (l *guardLink) freeze(ctx context.Context) (HandedGuard, error) {
	l.mu.Lock()
	var asked *guardProcess
	for {
		g := l.guard
		if g != nil && g != asked && g.send("tick") {
			asked = g
		}
		if g != nil && g == asked && g.acked >= g.seq {
			return g.hand()
		}
		err, changed := l.err, l.changed
		l.mu.Unlock()
		select {
		case <-changed:
			l.mu.Lock()
		case <-ctx.Done():
			l.mu.Lock()
			return HandedGuard{}, errors.Join(fmt.Errorf("no guard answers: %w", ctx.Err()), err)
		}
	}
}

// thaw ends freeze and hold.
func (l *guardLink) thaw() {
	l.held = false
	l.signal()
	l.mu.Unlock()
}

func (g *guardProcess) hand() (h HandedGuard, err error) {
	h = HandedGuard{PID: g.child.pid, Seq: g.seq}
	err = g.raw.Control(func(fd uintptr) { h.Socket = int(fd) })
	return h, err
}

// adoptGuard goes on with the guard of an earlier image of this process.
func adoptGuard(h HandedGuard, c *child) (*guardProcess, error) {
	socket := os.NewFile(uintptr(h.Socket), "guard")
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("the guard's socket: %w", err)
	}
	return attendTo(&guardProcess{child: c, socket: socket, raw: raw, seq: h.Seq, dead: make(chan struct{})}), nil
}
