package executor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/kedrod/kedrod/internal/executor/guard"
)

// The guard is asked for a sign of life every guardTick; after guardMisses ticks without an answer it is replaced. Misses are counted, not times
// compared: if this process itself was stopped for a while, the guard is not blamed.
const (
	guardTick   = 500 * time.Millisecond
	guardMisses = 6
)

// guardLink keeps one guard alive and tells it about the runs.
type guardLink struct {
	door    *door
	command guardCommand
	log     *slog.Logger
	quit    chan struct{} // closed by close
	gone    chan struct{} // closed when keep has ended

	inherited *guardProcess // the first one, of an earlier image of this process; nil: it is to be started

	mu      sync.Mutex
	guard   *guardProcess // nil while there is none
	runs    map[string]registration
	refused bool // no more announcements
	held    bool // none for the moment
	// deadline is until when the runs may live, by guard.Now; 0: no such moment was ever named.
	deadline time.Duration
	// revived is the message by which a guard hears that runs may live again after a deadline had passed, and who is to answer it: until then it
	// may still be killing.
	revived   uint64
	revivedBy *guardProcess
	closed    bool
	err       error         // why the last attempt to start a guard failed
	changed   chan struct{} // closed, and replaced, when guard, closed, err or what the guard has answered changes
}

// registration is what a new guard has to be told about a run.
type registration struct {
	group int // 0: announced only
	start uint64
}

func newGuardLink(d *door, command guardCommand, log *slog.Logger) *guardLink {
	return &guardLink{
		door: d, command: command, log: log,
		quit: make(chan struct{}), gone: make(chan struct{}),
		runs: map[string]registration{}, changed: make(chan struct{}),
	}
}

// open starts keeping a guard and waits for the first one's answer. It returns the error of a first attempt that failed.
func (l *guardLink) open(ctx context.Context) error {
	go l.keep()
	for {
		l.mu.Lock()
		g, err, changed := l.guard, l.err, l.changed
		answered := g != nil && g.acked > 0
		l.mu.Unlock()
		switch {
		case answered:
			return nil
		case err != nil:
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// refuse lets no more runs be announced; those that wait for a guard are sent away.
func (l *guardLink) refuse() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused = true
	l.signal()
}

// close ends the guard by closing its socket and waits for its exit. If ctx ends first, the guard is left to its last work.
func (l *guardLink) close(ctx context.Context) {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.quit)
		l.signal()
	}
	l.mu.Unlock()
	select {
	case <-l.gone:
	case <-ctx.Done():
	}
}

// signal wakes all that wait for a change. Called with the lock held.
func (l *guardLink) signal() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// announce tells the guard that a run is about to be forked. It waits for a guard, if there is none at the moment.
func (l *guardLink) announce(ctx context.Context, run string) error {
	for {
		l.mu.Lock()
		if l.refused || l.closed {
			l.mu.Unlock()
			return ErrClosed
		}
		if l.deadline > 0 && guard.Now() >= l.deadline {
			l.mu.Unlock()
			return ErrOverdue
		}
		if l.held {
			l.mu.Unlock()
			return ErrHandover
		}
		if _, twice := l.runs[run]; twice {
			l.mu.Unlock()
			return fmt.Errorf("a run with the id %q is alive", run)
		}
		if l.guard != nil && l.guard.acked > 0 && !l.killing() && l.guard.send("run", run) {
			l.runs[run] = registration{}
			l.mu.Unlock()
			return nil
		}
		err, changed := l.err, l.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

func (l *guardLink) started(run string, group int, start uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.runs[run] = registration{group, start}
	if l.guard != nil {
		l.guard.send("started", group, start, run)
	}
}

// tick hands a deadline to the guard, unless a later one was named before. It never waits.
func (l *guardLink) tick(deadline time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if deadline <= l.deadline {
		return
	}
	overdue := l.deadline > 0 && guard.Now() >= l.deadline
	l.deadline = deadline
	if l.guard != nil && l.guard.send("tick", int64(deadline)) && overdue {
		l.revived, l.revivedBy = l.guard.seq, l.guard
	}
}

// killing tells that the guard may still be at what it did once a deadline had passed. Called with the lock held.
func (l *guardLink) killing() bool { return l.guard == l.revivedBy && l.guard.acked < l.revived }

// forget takes back an announcement.
func (l *guardLink) forget(run string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.runs, run)
	if l.guard != nil {
		l.guard.send("forget", run)
	}
}

// ended tells the guard that a run is over and waits until no guard can kill its group any more: the guard has answered, or is dead.
func (l *guardLink) ended(run string, group int) {
	l.mu.Lock()
	delete(l.runs, run)
	g := l.guard
	if g == nil || !g.send("ended", group, run) {
		l.mu.Unlock()
		if g != nil {
			<-g.dead // send has killed it
		}
		return
	}
	seq := g.seq
	for g.acked < seq {
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-g.dead:
			return
		}
		l.mu.Lock()
	}
	l.mu.Unlock()
}

// keep starts a guard, or takes the one that was handed over, watches it, and starts another when it is dead or silent, until close.
func (l *guardLink) keep() {
	defer close(l.gone)
	pause := 50 * time.Millisecond
	for {
		born := time.Now()
		g, err := l.inherited, error(nil)
		if l.inherited = nil; g == nil {
			g, err = startGuard(l.door, l.command)
		}
		if err == nil {
			l.install(g)
			err = l.attend(g)
		} else {
			l.mu.Lock()
			l.err = err
			l.signal()
			l.mu.Unlock()
		}
		select {
		case <-l.quit:
			return
		default:
		}
		l.log.Warn("the guard is gone; starting another", "error", err)
		if time.Since(born) > 10*time.Second {
			pause = 50 * time.Millisecond
		}
		select {
		case <-l.quit:
			return
		case <-time.After(pause):
			pause = min(2*pause, 3*time.Second)
		}
	}
}

// install makes a guard the current one and tells it about all runs.
func (l *guardLink) install(g *guardProcess) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.guard = g
	if l.deadline > 0 {
		g.send("tick", int64(l.deadline))
	} else {
		g.send("tick")
	}
	if l.command.cgroup != "" {
		g.send("cgroup", l.command.cgroup)
	}
	for run, r := range l.runs {
		if r.group == 0 {
			g.send("run", run)
		} else {
			g.send("started", r.group, r.start, run)
		}
	}
}

// attend watches a guard until it is dead, and says why; after close, until it has ended by itself.
func (l *guardLink) attend(g *guardProcess) error {
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		g.listen(func(seq uint64) {
			l.mu.Lock()
			defer l.mu.Unlock()
			g.acked, l.err = seq, nil
			l.signal()
		})
	}()
	why := l.watch(g)
	_ = g.socket.Close()
	<-heard
	<-g.dead
	l.mu.Lock()
	defer l.mu.Unlock()
	l.guard = nil
	l.err = why
	l.signal()
	return why
}

// watch returns when the guard is dead, silent (it is killed then), or closed. After close it is given the time it needs.
func (l *guardLink) watch(g *guardProcess) error {
	tick := time.NewTicker(guardTick)
	defer tick.Stop()
	misses, asked := 0, uint64(0)
	for {
		select {
		case <-l.quit:
			return nil
		case <-g.dead:
			return fmt.Errorf("it ended with status %d", g.status)
		case <-tick.C:
		}
		l.mu.Lock()
		if g.acked >= asked {
			misses = 0
			g.send("tick")
			asked = g.seq
		} else {
			misses++
		}
		l.mu.Unlock()
		if misses >= guardMisses {
			g.kill()
			return errors.New("it did not answer")
		}
	}
}
