package executor

import (
	"strings"
	"syscall"

	"github.com/kedrod/kedrod/internal/executor/cgroup"
)

// RunLimits bound what a run may use. The zero value limits nothing.
type RunLimits struct {
	// Memory in bytes, of all its processes together where a control group counts it, else of the addresses of each (RLIMIT_AS). 0: any amount.
	Memory int64
	CPUs   float64 // how many at once, such as 1.5; control groups only. 0: any number
}

// order is a child to be started.
type order struct {
	path   string
	argv   []string
	attr   syscall.ProcAttr
	limits RunLimits
}

// launch starts a run's leader, in a group of its own if there can be one, and limited before its first instruction. If the system refuses the
// group (a kernel before 5.7, a sandbox), it is started outside, and no more groups are made.
func (e *Executor) launch(run string, o order) (*child, *runGroup, error) {
	g := e.cgroups.enter(run)
	if g == nil {
		c, err := e.door.startOutside(o)
		return c, nil, err
	}
	defer g.fd.Close()
	inside := o
	sys := *o.attr.Sys
	inside.attr.Sys = &sys
	g.ask(&sys)
	if e.cgroups.limit(g, o.limits) {
		inside.limits.Memory = 0 // no need of another means
	}
	c, err := e.door.startOutside(inside)
	if err == nil {
		return c, g, nil
	}
	g.remove()
	c, again := e.door.startOutside(o)
	if again != nil {
		return nil, nil, again // it was the command
	}
	e.cgroups.fail(err)
	return c, nil, nil
}

// startOutside starts a child for which no control group bounds the memory.
func (d *door) startOutside(o order) (*child, error) {
	if o.limits.Memory > 0 && addressLimits {
		return d.startLimited(o)
	}
	return d.start(o.path, o.argv, &o.attr)
}

// What limits are upheld by.
const (
	ByGroup     = "cgroup" // a control group: all processes of the run together
	ByAddresses = "rlimit" // RLIMIT_AS: the addresses of each process
)

// Means tells by what limits hold for runs of this executor.
type Means struct {
	Groups  bool   // each run has a control group of its own
	Memory  string // ByGroup, ByAddresses or "": not at all
	CPUs    string // ByGroup or ""
	Missing string // why there are no control groups, or none with limits; "" if there are
}

// Means tells how Spec.Limits are upheld. Only with Options.Limits are control groups made ready for limits.
func (e *Executor) Means() Means {
	m := Means{Groups: e.cgroups != nil && !e.cgroups.broken.Load(), Missing: e.noGroups}
	if addressLimits {
		m.Memory = ByAddresses
	}
	if !m.Groups {
		return m
	}
	if e.cgroups.memory {
		m.Memory = ByGroup
	}
	if e.cgroups.cpu {
		m.CPUs = ByGroup
	}
	if !e.cgroups.memory || !e.cgroups.cpu {
		m.Missing = e.cgroups.lacking
	}
	return m
}

// oomKills is how many processes of the run were killed for lack of memory; not ok where no group counts that.
func (g *runGroup) oomKills() (uint64, bool) {
	if g == nil {
		return 0, false
	}
	return cgroup.Count(cgroup.Read(g.dir, "memory.events"), "oom_kill")
}

// outOfMemory judges an exit. byKill: SIGKILL, not ours, ended the leader, or one below it; killed: we killed it.
func (r *Run) outOfMemory(byKill, killed bool) bool {
	if n, ok := r.cgroup.oomKills(); ok {
		return n > 0 && !killed && r.exit.Code != 0
	}
	return byKill && r.exec.oom.read() > r.ooms
}

func fields(dir, file string) []string { return strings.Fields(cgroup.Read(dir, file)) }
