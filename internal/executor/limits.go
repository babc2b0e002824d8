package executor

import (
	"errors"
	"math"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kedrod/kedrod/internal/executor/cgroup"
)

// controllers are what limits need of a control group.
func controllers() []string { return []string{"memory", "cpu"} }

// control makes the groups ready for limits: the controllers are turned on for what lies below our own group. The kernel allows that only where no
// process is in the group itself, so if we are alone there (a unit of systemd, a container) we move into a group beside the runs'. The guard is
// started afterwards, and so with us.
func (c *cgroups) control() {
	own := path.Dir(c.dir)
	there := fields(own, "controllers")
	var on []string
	for _, name := range controllers() {
		if slices.Contains(there, name) && c.turnOn(own, name) {
			on = append(on, name)
		}
	}
	c.memory, c.cpu = slices.Contains(on, "memory"), slices.Contains(on, "cpu")
	c.enabled = "+" + strings.Join(on, " +")
	if len(on) < len(controllers()) && c.lacking == "" {
		c.lacking = "this process's control group lacks the controllers memory or cpu"
	}
}

func (c *cgroups) turnOn(own, name string) bool {
	if slices.Contains(fields(own, "subtree_control"), name) {
		return true
	}
	err := c.write(own, "subtree_control", "+"+name)
	if errors.Is(err, unix.EBUSY) {
		if err = c.stepAside(own); err == nil {
			err = c.write(own, "subtree_control", "+"+name)
		}
	}
	if err != nil {
		c.lacking = "the controllers of this process's control group can't be turned on: " + err.Error()
	}
	return err == nil
}

// stepAside moves this process into a group below its own, if nobody else is in that.
func (c *cgroups) stepAside(own string) error {
	self := strconv.Itoa(os.Getpid())
	if in := fields(own, "procs"); len(in) != 1 || in[0] != self {
		return errors.New("other processes are in it too")
	}
	aside := own + "/" + cgroup.Self
	if err := os.Mkdir(aside, 0o750); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return c.write(aside, "procs", self)
}

// limit writes a run's limits before anything is in its group. It reports whether the memory is bounded by it.
func (c *cgroups) limit(g *runGroup, l RunLimits) (memory bool) {
	if c.cpu && l.CPUs > 0 {
		const period = 100000 // microseconds; the kernel's own
		quota := max(int64(math.Round(l.CPUs*period)), 1000)
		if err := c.write(g.dir, "cpu.max", strconv.FormatInt(quota, 10)+" "+strconv.Itoa(period)); err != nil {
			c.log.Warn("a run's share of the CPUs can't be bounded", "error", err)
		}
	}
	if !c.memory || l.Memory <= 0 {
		return false
	}
	if err := c.write(g.dir, "memory.max", strconv.FormatInt(l.Memory, 10)); err != nil {
		c.log.Warn("a run's memory can't be bounded by its control group", "error", err)
		return false
	}
	// What is swapped out would not count. And one process killed of several leaves a run that hangs: all or none.
	_ = c.write(g.dir, "memory.swap.max", "0") // not there without swap accounting
	_ = c.write(g.dir, "memory.oom.group", "1")
	return true
}
