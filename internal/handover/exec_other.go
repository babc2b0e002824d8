//go:build unix && !linux

package handover

import (
	"errors"
	"os"
)

// Supported tells whether Exec can succeed on this system.
const Supported = false

var errUnsupported = errors.New("the program of a running kedrod can be replaced on Linux only")

func memoryFile([]byte) (*os.File, error) { return nil, errUnsupported }

func replace(string, []string, []string, []int) error { return errUnsupported }

func closeOnExec() error { return nil }
