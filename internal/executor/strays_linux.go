package executor

import (
	"bytes"
	"os"
	"slices"
	"strconv"

	"github.com/kedrod/kedrod/internal/executor/cgroup"
	"github.com/kedrod/kedrod/internal/executor/guard"
	"github.com/kedrod/kedrod/internal/executor/proc"
)

// orphan is what is remembered of an adopted child.
type orphan struct {
	start  uint64
	marker string // KEY=VALUE as its environment held it when first seen; "" if it had none
}

// strays are the living orphans that belong to a run.
func (d *door) strays(r *Run) []proc.Process {
	d.mu.Lock()
	reaper := d.reaper
	d.mu.Unlock()
	pids, err := reaper.children(false)
	if err != nil {
		reaper.log.Warn("our children can't be listed", "error", err)
		return nil
	}
	if pids = d.notOwn(pids); len(pids) == 0 {
		return nil
	}
	pids = d.notOwnAfterForks(pids)
	onlyRuns := os.Getpid() != 1
	var found []proc.Process
	for _, pid := range pids {
		p, err := proc.Stat(pid)
		if err != nil || !p.Alive() || p.PPID != os.Getpid() || p.Session == reaper.session {
			continue
		}
		if d.owns(r, p, reaper.markerOf(p), onlyRuns) {
			found = append(found, p)
		}
	}
	return found
}

// notOwn leaves those that were not started through the door.
func (d *door) notOwn(pids []int) []int {
	return slices.DeleteFunc(pids, func(pid int) bool { _, own := d.own.Load(pid); return own })
}

// notOwnAfterForks waits for the forks that are under way first: a child may have been listed before it was registered.
func (d *door) notOwnAfterForks(pids []int) []int {
	d.forks.Lock()
	defer d.forks.Unlock()
	return d.notOwn(pids)
}

// markerOf reads an orphan's marker, KEY=VALUE; once, unless the environment is empty, as it also is for a moment during an exec.
func (r *reaper) markerOf(p proc.Process) string {
	r.mu.Lock()
	o, seen := r.orphans[p.PID]
	r.mu.Unlock()
	if seen && o.start == p.Start {
		return o.marker
	}
	o = orphan{start: p.Start}
	environ := proc.Environ(p.PID)
	for entry := range bytes.SplitSeq(environ, []byte{0}) {
		if bytes.HasPrefix(entry, []byte(guard.MarkerKey+"=")) {
			o.marker = string(entry)
			break
		}
	}
	if len(environ) > 0 {
		r.mu.Lock()
		r.orphans[p.PID] = o
		r.mu.Unlock()
	}
	return o.marker
}

// owns tells whether an orphan belongs to the run. marker is what its environment held; onlyRuns, whether none but runs' processes can be adopted
// (not so for a container's first process, which gets everybody's orphans).
func (d *door) owns(r *Run, p proc.Process, marker string, onlyRuns bool) bool {
	r.mu.Lock()
	start, known := r.known[p.PID]
	_, inKnown := r.known[p.Session]
	r.mu.Unlock()
	switch {
	case p.Session == r.child.pid || p.Group == r.child.pid:
		return true
	case known && start == p.Start:
		return true
	case marker != "":
		return marker == r.marker.Entry
	case inKnown:
		return true
	}
	if r.cgroup != nil {
		return r.cgroup.holds(groupOf(p.PID))
	}
	if !onlyRuns || r.start == 0 || r.start > p.Start {
		return false
	}
	// It has shed group, session and environment: it belongs to one of the runs that were alive when it was born. If this is the last of them, it
	// is this one's to end.
	d.mu.Lock()
	defer d.mu.Unlock()
	for other := range d.runs {
		if other != r && other.start <= p.Start {
			return false
		}
	}
	return true
}

// groupOf is the control group that a process is in, as it is named to us; "" if that can't be told.
func groupOf(pid int) string {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return ""
	}
	path, _ := cgroup.Path(string(text))
	return path
}
