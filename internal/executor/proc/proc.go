// Package proc finds and kills processes by what the kernel tells about them in /proc.
//
// The guard runs it from an init function that comes before nearly every other package's, so it must need nothing beyond os, syscall and
// golang.org/x/sys/unix. Only Linux has a /proc; elsewhere Supported is false and every search comes back empty.
package proc

import "bytes"

// Process is one line of the process table. A pid alone names a process only while it is not reaped; pid and Start together name it for as long
// as the machine is up.
type Process struct {
	PID     int
	PPID    int
	Group   int
	Session int
	State   byte   // as in stat(5): R, S, D, T, Z, X, ...
	Threads int    // 0 or 1 for a zombie; more if only its first thread has ended
	Start   uint64 // clock ticks since boot
}

// Alive tells whether the process can still do anything: a zombie can't, unless only its first thread has ended.
func (p Process) Alive() bool {
	switch p.State {
	case 'Z':
		return p.Threads > 1
	case 'X', 'x', 0:
		return false
	}
	return true
}

// Marker is an entry of the environment by which processes are known for ours.
type Marker struct {
	Entry  string // KEY=VALUE, or the beginning of it
	Prefix bool   // Entry is only the beginning
}

// In tells whether an environment block as in /proc/PID/environ (entries that end in a NUL byte) holds the marker.
//
//kedrod:parser FuzzMarker
func (m Marker) In(environ []byte) bool {
	want := []byte(m.Entry)
	if len(want) == 0 {
		return false
	}
	for at := 0; ; {
		i := bytes.Index(environ[at:], want)
		if i < 0 {
			return false
		}
		from, to := at+i, at+i+len(want)
		starts := from == 0 || environ[from-1] == 0
		ends := m.Prefix || to == len(environ) || environ[to] == 0
		if starts && ends {
			return true
		}
		at = from + 1
	}
}

// Wanted says which processes Find looks for. They are joined, not intersected.
type Wanted struct {
	Groups map[int]uint64 // process groups and sessions by their leader's pid, with the leader's Start (0: not known)
	Marker Marker
	Known  map[int]uint64 // processes by pid, with their Start
	Except int            // a pid that never counts, nor what hangs below it
}

// family picks from a table of all processes those wanted and all their descendants. marked is asked only about processes not wanted otherwise.
func family(all []Process, want Wanted, marked func(pid int) bool) []Process {
	below := make(map[int][]int, len(all)) // parent -> indices
	foreign := map[int]bool{}              // groups whose number has been given to a stranger
	for i, p := range all {
		below[p.PPID] = append(below[p.PPID], i)
		if start, ok := want.Groups[p.PID]; ok && start != 0 && start != p.Start {
			foreign[p.PID] = true
		}
	}
	in := func(group int) bool {
		_, ok := want.Groups[group]
		return ok && !foreign[group]
	}
	var found []Process
	taken := make([]bool, len(all))
	var take func(i int)
	take = func(i int) {
		if taken[i] || all[i].PID == want.Except {
			return
		}
		taken[i] = true
		found = append(found, all[i])
		for _, child := range below[all[i].PID] {
			take(child)
		}
	}
	for i, p := range all {
		if taken[i] {
			continue
		}
		start, known := want.Known[p.PID]
		if in(p.Group) || in(p.Session) || (known && start == p.Start) || marked(p.PID) {
			take(i)
		}
	}
	return found
}
