package kedro

import (
	"context"
	"time"
)

// Command is a child process that this package needs started: the registry helper,
// git. Its output is bounded by the Runner.
type Command struct {
	Argv  []string
	Dir   string
	Env   []string // the whole environment
	Limit time.Duration
}

// Result is how a Command ended; ExitCode is -1 for a signal or the time limit.
type Result struct {
	Stdout   []byte
	Stderr   []byte
	ExitCode int
}

// Runner starts children; every process of the service goes through one door, which
// is the executor's. An error means that it could not be started, or was ended
// because ctx or the limit was; a non-zero exit is no error.
type Runner interface {
	Output(ctx context.Context, c Command) (Result, error)
}
