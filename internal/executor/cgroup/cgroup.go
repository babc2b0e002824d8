// Package cgroup works on control groups (v2) by their folders: who is in one, whether anybody lives, the end of all, its removal.
//
// The guard runs it from an init function that comes before nearly every other package's, so it needs nothing beyond os, strconv and strings. Every
// function takes the folder as it is; where there are no control groups there is no such folder, and nothing is found.
package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// Kill sends SIGKILL to every process in the group and below it, those that are just being forked included (Linux 5.14).
func Kill(dir string) error { return Write(dir, "kill", "1") }

// Write writes one of a group's files, which must be there: "memory.max", or of the core ones "kill", "procs".
func Write(dir, file, text string) error {
	f, err := os.OpenFile(path(dir, file), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// Read reads one of a group's files; "" if that can't be.
func Read(dir, file string) string {
	text, err := os.ReadFile(path(dir, file))
	if err != nil {
		return ""
	}
	return string(text)
}

func path(dir, file string) string {
	if !strings.Contains(file, ".") {
		file = "cgroup." + file
	}
	return dir + "/" + file
}

// Populated tells whether anything lives in the group or below it. Zombies don't count.
func Populated(dir string) bool {
	n, _ := Count(Read(dir, "events"), "populated")
	return n > 0
}

// Count finds the line `KEY N` in a flat-keyed file.
//
//kedrod:parser FuzzCount
func Count(text, key string) (uint64, bool) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, key+" "); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(rest), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// PIDs are the processes in the group and below it.
func PIDs(dir string) []int {
	var pids []int
	walk(dir, func(dir string) {
		for _, f := range strings.Fields(Read(dir, "procs")) {
			if pid, err := strconv.Atoi(f); err == nil && pid > 0 { // 0: a process of another PID namespace
				pids = append(pids, pid)
			}
		}
	})
	return pids
}

// Remove removes the group and what is below it, as far as nobody lives there. One that is not there is no error.
func Remove(dir string) error {
	var failed error
	walk(dir, func(dir string) {
		// Only folders go: a group's files are the kernel's.
		if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = err
		}
	})
	return failed
}

// walk visits a group and those below it, the deepest first.
func walk(dir string, visit func(string)) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.IsDir() {
			walk(dir+"/"+e.Name(), visit)
		}
	}
	visit(dir)
}
