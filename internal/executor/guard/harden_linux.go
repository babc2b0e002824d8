package guard

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kedrod/kedrod/internal/executor/proc"
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

// hardToKill makes the guard the last thing that fails when memory runs out, as far as it is allowed to: the kernel is to kill others first, and what
// the guard needs is to stay in memory.
func hardToKill() {
	lowerOOMScore()
	if !mayLockAll() {
		return
	}
	// Once in memory, pages stay there; what is never touched, most of our binary, is not read for it.
	if unix.Mlockall(unix.MCL_CURRENT|unix.MCL_FUTURE|unix.MCL_ONFAULT) != nil {
		return
	}
	// So touch what a kill needs, while memory is there.
	_, _ = proc.Find(proc.Wanted{Marker: proc.Marker{Entry: MarkerKey + "=/"}})
}

// mayLockAll tells whether this process may lock any amount of memory. Under a bound, a later mapping of the Go runtime would fail, which ends the
// process.
func mayLockAll() bool {
	unlimited := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	if unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unlimited) == nil {
		return true
	}
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	return unix.Capget(&head, &caps[0]) == nil && caps[0].Effective&(1<<unix.CAP_IPC_LOCK) != 0
}

// lowerOOMScore asks for the least oom_score_adj that it can get. Less than the worker's own needs a privilege, unless that was raised before.
func lowerOOMScore() {
	const file = "/proc/self/oom_score_adj"
	text, err := os.ReadFile(file)
	if err != nil {
		return
	}
	now, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return
	}
	for _, score := range []int{-1000, -500, 0} {
		if score < now && os.WriteFile(file, strconv.AppendInt(nil, int64(score), 10), 0) == nil {
			return
		}
	}
}
