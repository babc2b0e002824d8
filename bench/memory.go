package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// memory is the proportional set size, in MB, of the service's processes and all their descendants.
func (s *service) memory() (float64, error) {
	parents, err := parentOf()
	if err != nil {
		return 0, err
	}
	ours := map[int]bool{}
	for _, p := range s.processes {
		ours[p.command.Process.Pid] = true
	}
	var total float64
	for pid := range parents {
		if !descends(pid, parents, ours) {
			continue
		}
		size, err := pss(pid)
		if err != nil {
			return 0, err
		}
		total += size
	}
	return total, nil
}

func descends(pid int, parents map[int]int, from map[int]bool) bool {
	for ; pid > 0; pid = parents[pid] {
		if from[pid] {
			return true
		}
	}
	return false
}

// parentOf maps each process to its parent.
func parentOf() (map[int]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	parents := map[int]int{}
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // it has ended
		}
		// The name in brackets may hold anything; state and parent follow the last bracket.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if parent, err := strconv.Atoi(fields[1]); err == nil {
			parents[pid] = parent
		}
	}
	return parents, nil
}

func pss(pid int) (float64, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(content)) {
		if text, found := strings.CutPrefix(line, "Pss:"); found {
			kilobytes, err := strconv.ParseFloat(strings.Fields(text)[0], 64)
			return kilobytes / 1024, err
		}
	}
	return 0, fmt.Errorf("no Pss in /proc/%d/smaps_rollup", pid)
}
