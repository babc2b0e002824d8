package executor

import (
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kedrod/kedrod/internal/executor/proc"
)

// reaper takes away the zombies of adopted orphans, on each SIGCHLD and each second. It never waits for "any child": that would steal the status of
// those started through the door. Nor does it ask which child has ended, since the kernel then names the same first zombie each time.
type reaper struct {
	door    *door
	log     *slog.Logger
	signals chan os.Signal
	quit    chan struct{}
	gone    chan struct{}
	session int  // this process's own
	noFiles bool // the kernel has no children files

	mu      sync.Mutex
	orphans map[int]orphan // adopted children by pid
}

func startReaper(d *door, log *slog.Logger) (*reaper, error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("become the parent of orphans (PR_SET_CHILD_SUBREAPER): %w", err)
	}
	r := &reaper{door: d, log: log, signals: make(chan os.Signal, 1), quit: make(chan struct{}), gone: make(chan struct{}), orphans: map[int]orphan{}}
	session, err := ownSession()
	if err != nil {
		return nil, fmt.Errorf("find our session: %w", err)
	}
	r.session = session
	if _, err := proc.Children(); err != nil {
		r.noFiles = true
	}
	signal.Notify(r.signals, syscall.SIGCHLD)
	go r.loop()
	return r, nil
}

// ownSession is this process's session. As a container's first process it may be in one from outside, number 0, and so may orphans be that somebody
// sent in from there (nsenter): it takes a session of its own then, to tell them from children of ours.
func ownSession() (int, error) {
	session, err := unix.Getsid(0)
	if err == nil && session == 0 && os.Getpid() == 1 {
		return unix.Setsid()
	}
	return session, err
}

func (r *reaper) loop() {
	defer close(r.gone)
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		select {
		case <-r.quit:
			r.reap(true)
			return
		case <-r.signals:
			r.reap(false)
		case <-second.C:
			r.reap(true)
		}
	}
}

func (r *reaper) stop() {
	signal.Stop(r.signals)
	close(r.quit)
	<-r.gone
}

// reap looks at the adopted children, or at those under all threads, and takes away the dead ones.
func (r *reaper) reap(all bool) {
	r.door.forks.Lock() // no child between its fork and its registration
	defer r.door.forks.Unlock()
	pids, err := r.children(all)
	if err != nil {
		r.log.Warn("our children can't be listed", "error", err)
		return
	}
	for _, pid := range pids {
		if _, own := r.door.own.Load(pid); own {
			continue
		}
		if p, err := proc.Stat(pid); err != nil || p.Session == r.session {
			continue // gone, or not a run's: those left our session, and nothing can come back to it
		}
		if got, err := unix.Wait4(pid, nil, unix.WNOHANG, nil); err == nil && got == pid {
			r.mu.Lock()
			delete(r.orphans, pid)
			r.mu.Unlock()
		}
	}
}

func (r *reaper) children(all bool) ([]int, error) {
	switch {
	case r.noFiles:
		return proc.ChildrenByParent()
	case all:
		return proc.AllChildren()
	}
	return proc.Children()
}
