package executor

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxrssUnit is what rusage counts the resident set in.
const maxrssUnit = 1024

// waiter waits for a child's end without reaping it: by its pidfd and Go's poller, so that a run that goes on for hours holds no thread.
type waiter struct {
	fd   *int // filled in by the fork
	pid  int
	file *os.File
}

// ask has the fork give a pidfd.
func (w *waiter) ask(attr *syscall.SysProcAttr) {
	w.fd = new(int)
	*w.fd = -1
	attr.PidFD = w.fd
}

func (w *waiter) open(pid int) {
	w.pid = pid
	if *w.fd < 0 {
		return // a kernel before 5.2
	}
	if unix.SetNonblock(*w.fd, true) != nil {
		_ = unix.Close(*w.fd)
		return
	}
	w.file = os.NewFile(uintptr(*w.fd), "pidfd")
}

// adopt waits for a child that an earlier image of this process started.
func (w *waiter) adopt(pid int) {
	w.pid = pid
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil); err != nil {
		return // no child of ours: await returns at once
	}
	fd, err := unix.PidfdOpen(pid, 0) // closed on exec, as they all are
	if err != nil {
		return
	}
	w.fd = &fd
	w.open(pid)
}

func (w *waiter) await() {
	if w.file != nil {
		if conn, err := w.file.SyscallConn(); err == nil {
			ended := false
			_ = conn.Read(func(fd uintptr) bool {
				ended = waitid(unix.P_PIDFD, int(fd), unix.WNOHANG)
				return ended
			})
			if ended {
				return
			}
		}
	}
	waitid(unix.P_PID, w.pid, 0)
}

// waitid tells whether the child has ended, and leaves it a zombie.
func waitid(kind, id, flags int) bool {
	for {
		var info unix.Siginfo
		err := unix.Waitid(kind, id, &info, unix.WEXITED|unix.WNOWAIT|flags, nil)
		if err != unix.EINTR {
			return err == nil && info.Signo != 0
		}
	}
}

func (w *waiter) close() {
	if w.file != nil {
		_ = w.file.Close()
	}
}
