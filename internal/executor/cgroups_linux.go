package executor

import "syscall"

// ask has the fork put the child into the group, so that not even its first instruction runs outside.
func (g *runGroup) ask(attr *syscall.SysProcAttr) {
	attr.UseCgroupFD, attr.CgroupFD = true, int(g.fd.Fd())
}
