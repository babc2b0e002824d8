package guard

import (
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kedrod/kedrod/internal/executor/proc"
)

// scans is how often the guard looks for processes with the worker's marker once the worker is gone, and pause how long it waits in between.
// A process that was just being forked shows its marker from its exec on, and it holds the worker's end of the socket until then.
const (
	scans = 3
	pause = 20 * time.Millisecond
)

// wake is how often the guard looks up even if nothing comes.
const wake = 250 * time.Millisecond

// serve listens to the worker until its socket ends, then kills. It returns the process's exit code.
func serve(worker string) int {
	if worker == "" || !isSocket(Socket) {
		say("this is a part of kedrod that only kedrod itself starts")
		return 2
	}
	ignoreSignals()
	hardToKill()
	s := newState()
	listen(s, wake)
	if n := killAll(s, worker); n > 0 {
		say("the worker is gone; killed " + strconv.Itoa(n) + " processes of its runs")
	}
	return 0
}

// listen works off messages until the socket ends or something comes that is not the protocol.
func listen(s *state, wake time.Duration) {
	_ = unix.SetNonblock(Socket, true)
	unix.CloseOnExec(Socket)
	buf := make([]byte, 4096)
	fds := []unix.PollFd{{Fd: Socket, Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(fds, int(wake/time.Millisecond)); err != nil && err != unix.EINTR {
			say("poll: " + err.Error())
			return
		}
		n, err := unix.Read(Socket, buf)
		switch {
		case err == unix.EAGAIN || err == unix.EINTR:
			continue
		case err != nil || n == 0:
			return
		}
		if !s.feed(buf[:n]) {
			say("a message that is not the protocol's")
			return
		}
		if answer := s.answer(); answer != nil {
			_, _ = unix.Write(Socket, answer) // one that finds the socket full is left out: the next covers it
		}
	}
}

// killAll kills the registered groups and everything that the process table shows to be the worker's, until so many looks in a row have found
// nothing alive. It gives up on what SIGKILL does not end after a minute.
func killAll(s *state, worker string) int {
	killed := map[proc.Process]bool{}
	for group, start := range s.groups {
		// If the number is a stranger's by now, then the group has ended: a group's number is not given out while one of it lives.
		if p, err := proc.Stat(group); err == nil && start != 0 && p.Start != start {
			delete(s.groups, group)
		}
	}
	// The first look comes before the first kill, while parents still hold their children together.
	want := proc.Wanted{
		Groups: s.groups,
		Marker: proc.Marker{Entry: MarkerKey + "=" + worker + "/", Prefix: true},
		Known:  map[int]uint64{},
		Except: os.Getpid(),
	}
	deadline := time.Now().Add(time.Minute)
	found := look(want)
	for group := range s.groups {
		_ = unix.Kill(-group, syscall.SIGKILL)
	}
	for empty := 0; empty < scans; found = look(want) {
		empty++
		for _, p := range found {
			if !p.Alive() {
				continue
			}
			want.Known[p.PID] = p.Start
			_ = proc.Kill(p, syscall.SIGKILL)
			killed[key(p)] = true
			if time.Now().Before(deadline) {
				empty = 0
			}
		}
		<-time.After(pause)
	}
	return len(killed)
}

func look(want proc.Wanted) []proc.Process {
	found, err := proc.Find(want)
	if err != nil {
		say("cannot read the process table: " + err.Error())
	}
	return found
}

// key leaves out what changes in a process's life.
func key(p proc.Process) proc.Process { return proc.Process{PID: p.PID, Start: p.Start} }

func isSocket(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFSOCK
}
