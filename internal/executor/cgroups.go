package executor

import (
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/kedrod/kedrod/internal/executor/cgroup"
)

// cgroups makes a control group for each run, in one of the worker's that lies in this process's own group and nowhere else. With it no process
// of a run can get lost, whatever it sheds.
type cgroups struct {
	dir string // of the worker; made with the first run
	log *slog.Logger
	// memory and cpu tell which controllers bound runs, enabled how they are asked for in the worker's group; set by control.
	memory, cpu bool
	enabled     string
	lacking     string                             // why one of them is missing
	write       func(dir, file, text string) error // cgroup.Write but in tests
	once        sync.Once
	unmade      error       // why the worker's group could not be made
	broken      atomic.Bool // the system did not let a run into its group: none is made any more
}

// workerGroup names a worker's group below the process's own.
const workerGroup = "kedrod-"

// openCgroups finds out whether groups can be made, and else why not. root is "" but in tests.
func openCgroups(root, worker string, log *slog.Logger) (*cgroups, error) {
	own, err := cgroup.Own(root)
	if err == nil && !cgroup.Delegated(own) {
		err = errors.New("this process may not divide its control group (systemd: Delegate=yes)")
	}
	if err != nil {
		log.Debug("runs get no control groups of their own", "why", err)
		return nil, err
	}
	return &cgroups{dir: own + "/" + workerGroup + worker, log: log, write: cgroup.Write}, nil
}

// path is the worker's group, "" for none.
func (c *cgroups) path() string {
	if c == nil {
		return ""
	}
	return c.dir
}

// runGroup is the control group of one run. A nil one is none, and all its methods say so.
type runGroup struct {
	dir string
	fd  *os.File
}

// enter makes a run's group; nil if there can't be one.
func (c *cgroups) enter(run string) *runGroup {
	if c == nil || c.broken.Load() {
		return nil
	}
	g := &runGroup{dir: c.dir + "/run-" + strings.ReplaceAll(run, "/", "%2F")}
	c.once.Do(func() { c.unmade = c.make() })
	err := c.unmade
	if err == nil {
		err = os.Mkdir(g.dir, 0o750)
	}
	if err == nil {
		g.fd, err = os.Open(g.dir)
	}
	if err != nil {
		c.fail(err)
		return nil
	}
	return g
}

// make makes the worker's group.
func (c *cgroups) make() error {
	err := os.Mkdir(c.dir, 0o750)
	if errors.Is(err, os.ErrExist) { // of the program before this one, see Handover
		err = nil
	}
	if err == nil && (c.memory || c.cpu) {
		err = c.write(c.dir, "subtree_control", c.enabled)
	}
	return err
}

// fail gives up on groups: runs are found by the other means.
func (c *cgroups) fail(err error) {
	if !c.broken.Swap(true) {
		c.log.Warn("runs get no control groups of their own any more", "error", err)
	}
}

// close removes the worker's group.
func (c *cgroups) close() {
	if c != nil {
		_ = cgroup.Remove(c.dir) // something stuck may hold it; the next start on the data folder tries again
	}
}

func (g *runGroup) kill() {
	if g != nil {
		_ = cgroup.Kill(g.dir) // before Linux 5.14: the other means kill what pids finds
	}
}

func (g *runGroup) pids() []int {
	if g == nil {
		return nil
	}
	return cgroup.PIDs(g.dir)
}

// holds tells whether the group that a process is in (see cgroup.Path) is this one or below it. The names are unique, and the way to them from the
// root that the process sees is of no interest.
func (g *runGroup) holds(path string) bool {
	if g == nil {
		return false
	}
	above := strings.LastIndexByte(g.dir, '/')
	name := g.dir[strings.LastIndexByte(g.dir[:above], '/'):]
	return strings.HasSuffix(path, name) || strings.Contains(path, name+"/")
}

func (g *runGroup) remove() {
	if g != nil {
		_ = cgroup.Remove(g.dir)
	}
}
