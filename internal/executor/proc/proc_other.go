//go:build !linux

package proc

import (
	"errors"
	"syscall"
)

// Supported tells whether this system shows its processes in /proc.
const Supported = false

// Stat always fails here: there is no /proc.
func Stat(int) (Process, error) { return Process{}, errors.ErrUnsupported }

// HasMarker is always false here: environments of others can't be read.
func HasMarker(int, Marker) bool { return false }

// Find returns nothing here: there is no /proc.
func Find(Wanted) ([]Process, error) { return nil, nil }

// Kill sends the signal to the pid; nothing tells here whether the number still means the same process.
func Kill(p Process, sig syscall.Signal) error { return syscall.Kill(p.PID, sig) }
