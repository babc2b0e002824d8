package app

import "golang.org/x/sys/unix"

// networkFileSystem names the file system of a folder if it is one on which neither
// SQLite's WAL nor flock can be trusted; else "". Numbers: statfs(2).
func networkFileSystem(dir string) string {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return "" // opening the store will say what is wrong
	}
	switch uint32(st.Type) { //nolint:gosec // magic numbers are 32 bits
	case unix.NFS_SUPER_MAGIC:
		return "NFS"
	case unix.SMB_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC:
		return "SMB"
	case unix.FUSE_SUPER_MAGIC:
		return "FUSE"
	case unix.CEPH_SUPER_MAGIC:
		return "CephFS"
	case unix.V9FS_MAGIC:
		return "9P"
	}
	return ""
}
