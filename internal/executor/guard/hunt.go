package guard

import (
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kedrod/kedrod/internal/executor/cgroup"
	"github.com/kedrod/kedrod/internal/executor/proc"
)

// scans is how many looks in a row must find nothing alive, and pause the time between two. A process that was just being forked shows its marker
// from its exec on, and it holds the worker's end of the socket until then.
const (
	scans = 3
	pause = 20 * time.Millisecond
)

// hunt kills the registered groups and everything that the process table shows to be the worker's, look by look.
type hunt struct {
	want   proc.Wanted
	killed map[proc.Process]bool
	empty  int // looks in a row that found nothing alive
	told   int // of killed, how many were told of
}

func newHunt(worker string) *hunt {
	return &hunt{
		want: proc.Wanted{
			Marker: proc.Marker{Entry: MarkerKey + "=" + worker + "/", Prefix: true},
			Known:  map[int]uint64{},
			Except: os.Getpid(),
		},
		killed: map[proc.Process]bool{},
	}
}

// over tells whether nothing is left, as far as can be seen.
func (h *hunt) over() bool { return h.empty >= scans }

// round takes one look and kills what it finds. The look comes before the kill, while parents still hold their children together.
func (h *hunt) round(s *state) {
	groups := s.groups
	for group, start := range groups {
		// If the number is a stranger's by now, then the group has ended: a group's number is not given out while one of it lives.
		if p, err := proc.Stat(group); err == nil && start != 0 && p.Start != start {
			delete(groups, group)
		}
	}
	h.want.Groups = groups
	found, err := proc.Find(h.want)
	if err != nil {
		say("cannot read the process table: " + err.Error())
	}
	for group := range groups {
		_ = unix.Kill(-group, syscall.SIGKILL)
	}
	h.empty++
	if s.cgroup != "" && cgroup.Populated(s.cgroup) {
		_ = cgroup.Kill(s.cgroup)
		for _, pid := range cgroup.PIDs(s.cgroup) {
			if p, err := proc.Stat(pid); err == nil {
				found = append(found, p)
			}
		}
	}
	for _, p := range found {
		if !p.Alive() {
			continue
		}
		h.empty = 0
		h.want.Known[p.PID] = p.Start
		_ = proc.Kill(p, syscall.SIGKILL)
		h.killed[proc.Process{PID: p.PID, Start: p.Start}] = true // less what changes in a process's life
	}
}

// tell says once what a passed deadline has cost.
func (h *hunt) tell() {
	if n := len(h.killed); n > h.told {
		say("the worker was not heard of in time; killed " + strconv.Itoa(n-h.told) + " processes of its runs")
		h.told = n
	}
}
