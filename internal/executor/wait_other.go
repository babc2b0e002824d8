//go:build !linux

package executor

import (
	"syscall"
	"unsafe"
)

// maxrssUnit is what rusage counts the resident set in.
const maxrssUnit = 1

// waiter waits for a child's end without reaping it, in a thread of its own.
type waiter struct{ pid int }

func (w *waiter) ask(*syscall.SysProcAttr) {}

func (w *waiter) open(pid int) { w.pid = pid }

func (w *waiter) adopt(pid int) { w.pid = pid }

// await calls waitid(2), for which no package has a wrapper here.
func (w *waiter) await() {
	const pPID = 1
	var info [128]byte // siginfo_t is 104 bytes
	for {
		_, _, err := syscall.Syscall6(syscall.SYS_WAITID, pPID, uintptr(w.pid), uintptr(unsafe.Pointer(&info)), syscall.WEXITED|syscall.WNOWAIT, 0, 0)
		if err != syscall.EINTR {
			return
		}
	}
}

func (w *waiter) close() {}
