//go:build !linux

package cgroup

import (
	"os"
	"strconv"
)

func pidText() string { return strconv.Itoa(os.Getpid()) }

// Delegated is false here: there are no control groups.
func Delegated(string) bool { return false }
