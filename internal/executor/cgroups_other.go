//go:build !linux

package executor

import "syscall"

func (g *runGroup) ask(*syscall.SysProcAttr) {}
