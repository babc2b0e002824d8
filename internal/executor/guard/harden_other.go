//go:build !linux

package guard

import (
	"os/signal"
	"syscall"
)

// ignoreSignals makes the signals that end a service pass by: the guard must outlive the worker.
func ignoreSignals() {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGPIPE)
}

// hardToKill has nothing to ask for here.
func hardToKill() {}
