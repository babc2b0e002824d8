//go:build !linux

package pgtest

import "syscall"

// attributes: tests are not run as root here.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func giveAway(string) error { return nil }

// dieWithParent: a test binary that is killed leaves its server behind, for want of a
// signal at the parent's death.
func dieWithParent(*syscall.SysProcAttr) {}

func memory() string { return "" }
