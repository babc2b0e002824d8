package executor

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// oomCounter reads how many processes the kernel has killed for lack of memory: in our own control group where that can be read (v2:
// memory.events, v1: memory.oom_control), else on the whole machine (/proc/vmstat).
type oomCounter struct{ path string }

func openOOMCounter() oomCounter {
	groups, _ := os.ReadFile("/proc/self/cgroup")
	for _, path := range append(oomFiles(string(groups)), "/proc/vmstat") {
		c := oomCounter{path}
		if _, ok := c.value(); ok {
			return c
		}
	}
	return oomCounter{}
}

// oomFiles are the places where the counter of the groups in /proc/self/cgroup may lie. In a container the mount shows the group itself as its
// root, whatever the path says.
func oomFiles(groups string) []string {
	var files []string
	for line := range strings.Lines(groups) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 {
			continue
		}
		switch {
		case f[0] == "0" && f[1] == "":
			files = append(files, filepath.Join("/sys/fs/cgroup", f[2], "memory.events"), "/sys/fs/cgroup/memory.events")
		case f[1] == "memory":
			files = append(files, filepath.Join("/sys/fs/cgroup/memory", f[2], "memory.oom_control"), "/sys/fs/cgroup/memory/memory.oom_control")
		}
	}
	return files
}

// read is the counter now; 0 if there is none.
func (c oomCounter) read() uint64 {
	n, _ := c.value()
	return n
}

func (c oomCounter) value() (uint64, bool) {
	if c.path == "" {
		return 0, false
	}
	b, err := os.ReadFile(c.path)
	if err != nil {
		return 0, false
	}
	return oomKills(string(b))
}

// oomKills finds the line `oom_kill N`, which all three files have.
func oomKills(text string) (uint64, bool) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "oom_kill "); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(rest), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
