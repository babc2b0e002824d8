package executor

import (
	"syscall"

	"github.com/kedrod/kedrod/internal/executor/proc"
)

// Immortal has SIGKILL do nothing while on says so, as for a process in the kernel.
func (e *Executor) Immortal(on func() bool) {
	e.cgroups = nil // the kernel would not play along
	signal, killOne := e.signal, e.killOne
	e.signal = func(pid int, sig syscall.Signal) error {
		if sig == syscall.SIGKILL && on() {
			return nil
		}
		return signal(pid, sig)
	}
	e.killOne = func(p proc.Process, sig syscall.Signal) error {
		if on() {
			return nil
		}
		return killOne(p, sig)
	}
}
