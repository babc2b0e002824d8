//go:build !linux

package app

import "golang.org/x/sys/unix"

// networkFileSystem reports folders that are not on a disk of this machine.
func networkFileSystem(dir string) string {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil || st.Flags&unix.MNT_LOCAL != 0 {
		return ""
	}
	return "not local"
}
