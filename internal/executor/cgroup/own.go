package cgroup

import (
	"errors"
	"os"
	"slices"
	"strings"
)

// Self is the group below a delegated one into which a service moves itself, so that the groups beside it can have controllers: the kernel gives
// those only where no process is in the group between.
const Self = "kedrod.self"

// Own finds the folder of the group that is this process's to divide: the one that it is in, or the one above if it has moved into Self. root is "" but
// in tests. The error says why there is none.
func Own(root string) (string, error) {
	groups, err := os.ReadFile(root + "/proc/self/cgroup")
	if err != nil {
		return "", errors.New("this system has no control groups")
	}
	mounts, err := os.ReadFile(root + "/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	dir, ok := locate(string(groups), string(mounts))
	if !ok {
		return "", errors.New("no control groups of version 2 are mounted")
	}
	dir = root + dir
	// What was put together from two files is right only if this process is found there.
	if pid := pidText(); !slices.Contains(strings.Fields(Read(dir, "procs")), pid) {
		return "", errors.New("the mounted control groups don't show this process's own")
	}
	if above, ok := strings.CutSuffix(dir, "/"+Self); ok {
		return above, nil
	}
	return dir, nil
}

// locate puts together where a process's v2 group lies, from /proc/PID/cgroup and /proc/PID/mountinfo (proc(5), cgroups(7)).
//
//kedrod:parser FuzzLocate
func locate(groups, mounts string) (string, bool) {
	group, ok := Path(groups)
	if !ok {
		return "", false
	}
	for line := range strings.Lines(mounts) {
		before, after, ok := strings.Cut(line, " - ")
		f, kind := strings.Fields(before), strings.Fields(after)
		if !ok || len(f) < 5 || len(kind) < 1 || kind[0] != "cgroup2" {
			continue
		}
		shown, at := unescape(f[3]), unescape(f[4])
		rest, below := strings.CutPrefix(group, strings.TrimSuffix(shown, "/"))
		if !below || rest != "" && rest[0] != '/' {
			continue
		}
		return strings.TrimSuffix(at+rest, "/"), true
	}
	return "", false
}

// Path is a process's v2 group as /proc/PID/cgroup names it.
//
//kedrod:parser FuzzLocate
func Path(groups string) (string, bool) {
	for line := range strings.Lines(groups) {
		if path, ok := strings.CutPrefix(line, "0::"); ok {
			path = strings.TrimSuffix(path, "\n")
			return path, strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "/..")
		}
	}
	return "", false
}

// unescape undoes what mountinfo does to blanks.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}
