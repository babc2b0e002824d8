package disk

import (
	"os"

	"golang.org/x/sys/unix"
)

// reserve takes the space without writing it, where the file system can do that.
func reserve(f *os.File, n int64) bool { return unix.Fallocate(int(f.Fd()), 0, 0, n) == nil }
