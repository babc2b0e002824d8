package guard

import (
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kedrod/kedrod/internal/executor/cgroup"
)

// wake is how often the guard looks up even if nothing comes.
const wake = 250 * time.Millisecond

// giveUp is how long the guard of a dead worker fights with what SIGKILL does not end.
const giveUp = time.Minute

// serve listens to the worker until its socket ends, then kills. It returns the process's exit code.
func serve(worker string) int {
	if worker == "" || !isSocket(Socket) {
		say("this is a part of kedrod that only kedrod itself starts")
		return 2
	}
	ignoreSignals()
	hardToKill()
	s := newState()
	listen(s, worker)
	h := newHunt(worker)
	for begun := Now(); !h.over() && Now()-begun < giveUp; <-time.After(pause) {
		h.round(s)
	}
	if s.cgroup != "" {
		_ = cgroup.Remove(s.cgroup)
	}
	if n := len(h.killed); n > 0 {
		say("the worker is gone; killed " + strconv.Itoa(n) + " processes of its runs")
	}
	return 0
}

// listen works off messages until the socket ends or something comes that is not the protocol. While the deadline has passed it kills.
func listen(s *state, worker string) {
	_ = unix.SetNonblock(Socket, true)
	unix.CloseOnExec(Socket)
	buf := make([]byte, 4096)
	fds := []unix.PollFd{{Fd: Socket, Events: unix.POLLIN}}
	var late *hunt
	for {
		now := Now()
		wait := wake
		switch {
		case s.late(now):
			if late == nil {
				late = newHunt(worker)
			}
			if late.round(s); late.over() {
				late.tell()
			} else {
				wait = pause
			}
		case s.deadline > 0:
			late = nil
			wait = min(wake, s.deadline-now)
		}
		if _, err := unix.Poll(fds, milliseconds(wait)); err != nil && err != unix.EINTR {
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

// milliseconds rounds up, so that a wait never ends just before its moment.
func milliseconds(d time.Duration) int {
	return int((d + time.Millisecond - 1) / time.Millisecond)
}

func isSocket(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFSOCK
}
