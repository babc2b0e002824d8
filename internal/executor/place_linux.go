package executor

import (
	"os"
	"strings"
)

// Here is the place of this process.
func Here() Place {
	namespace, _ := os.Readlink("/proc/self/ns/pid") // such as pid:[4026531836]; without /proc it is not known
	return Place{BootID: firstLine("/proc/sys/kernel/random/boot_id"), PIDNamespace: namespace, Machine: firstLine("/etc/machine-id")}
}

func firstLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSpace(line)
}
