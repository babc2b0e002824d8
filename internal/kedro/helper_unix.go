//go:build unix

package kedro

import (
	"errors"

	"golang.org/x/sys/unix"
)

func isNotEmpty(err error) bool { return errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) }

// writable asks the kernel, which knows of read-only mounts and access lists.
func writable(dir string) bool { return unix.Access(dir, unix.W_OK) == nil }
