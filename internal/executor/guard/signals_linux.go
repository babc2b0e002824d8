package guard

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sigaction is the kernel's struct of rt_sigaction(2) on 64-bit machines.
type sigaction struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

// ignoreSignals makes the signals that end a service pass by: the guard must outlive the worker. It asks the kernel itself, since os/signal would
// need half of the standard library set up first.
func ignoreSignals() {
	ignore := sigaction{handler: 1} // SIG_IGN
	for _, sig := range []syscall.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGPIPE} {
		//nolint:gosec // G103: the kernel reads the struct during the call, which keeps it alive
		_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&ignore)), 0, 8, 0, 0)
	}
}

// hardToKill asks to be the last that the kernel takes when memory runs out. It needs a privilege; without it, the worker's own value stays.
func hardToKill() {
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("-1000"), 0)
}
