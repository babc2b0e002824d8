//go:build unix

package service

import "golang.org/x/sys/unix"

// FreeBytes is what an ordinary user can still write on the disk of a folder.
func FreeBytes(dir string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return uint64(st.Bavail) * uint64(st.Bsize), nil //nolint:unconvert,gosec // the types differ between systems; a block has no negative size
}
