package handover

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Supported tells whether Exec can succeed on this system.
const Supported = true

// memoryFile holds the state; an environment variable may have 128 KiB at most.
func memoryFile(state []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("kedrod-state", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a memory file: %w", err)
	}
	f := os.NewFile(uintptr(fd), "state")
	if _, err := f.Write(state); err != nil {
		return nil, errors.Join(fmt.Errorf("write the memory file: %w", err), f.Close())
	}
	return f, nil
}

// replace is exec. Nothing is forked meanwhile: a child would get what is only for the new image.
func replace(path string, argv, environ []string, descriptors []int) error {
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	for _, fd := range descriptors {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
			keep(descriptors)
			return fmt.Errorf("keep descriptor %d open: %w", fd, err)
		}
	}
	// A second SIGUSR2 must not find its default action, which is death, until the new image's runtime is there. What is ignored stays so over exec.
	signal.Ignore(syscall.SIGUSR2)
	err := syscall.Exec(path, argv, environ)
	keep(descriptors)
	return fmt.Errorf("exec %s: %w", path, err)
}

// keep lets no child have the descriptors.
func keep(descriptors []int) {
	for _, fd := range descriptors {
		unix.CloseOnExec(fd)
	}
}

// closeOnExec marks all that is open beyond the standard files.
func closeOnExec() error {
	if unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC) == nil {
		return nil
	}
	names, err := os.ReadDir("/proc/self/fd") // a kernel before 5.11
	if err != nil {
		return err
	}
	for _, name := range names {
		if fd, err := strconv.Atoi(name.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}
