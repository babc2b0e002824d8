package cgroup

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func pidText() string { return strconv.Itoa(os.Getpid()) }

// Delegated tells whether this process may divide a group: it can write there and, if the group is systemd's, systemd has handed it over (Delegate=yes).
func Delegated(dir string) bool {
	if unix.Access(dir, unix.W_OK) != nil || unix.Access(dir+"/cgroup.procs", unix.W_OK) != nil {
		return false
	}
	for _, ending := range []string{".service", ".scope", ".slice"} {
		if strings.HasSuffix(dir, ending) {
			return handedOver(dir)
		}
	}
	return true
}

// handedOver looks for systemd's sign.
func handedOver(dir string) bool {
	var value [8]byte
	for _, name := range []string{"trusted.delegate", "user.delegate"} {
		if n, err := unix.Getxattr(dir, name, value[:]); err == nil && strings.TrimSpace(string(value[:n])) == "1" {
			return true
		}
	}
	return false
}
