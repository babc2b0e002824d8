//go:build unix

package rundir

import (
	"io/fs"
	"syscall"
)

// onDisk is how many bytes of the disk a file takes.
func onDisk(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512 // POSIX: st_blocks counts 512 bytes
	}
	return info.Size()
}
