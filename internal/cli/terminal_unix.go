//go:build unix

package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

// windowWidth gives a terminal's columns, 0 where it does not say.
func windowWidth(f *os.File) int {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}
