package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/fault"
)

// The exit codes. What runs the command reads them, so they are part of the contract.
const (
	exitDone        = 0
	exitFailed      = 1 // the job failed; or serve, doctor or this program itself did
	exitUsage       = 2
	exitCancelled   = 3
	exitNoServer    = 4
	exitRefused     = 5
	exitNotEnded    = 6
	exitInterrupted = 130 // as a shell says of a program that Ctrl-C ended
)

// usageError is a call that can't be meant; its message says how to mend it.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// ending is an end that was told already: how the job ended, or that it did not.
type ending int

func (e ending) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// exitCode is the one place where an error becomes an exit code.
func exitCode(err error) int {
	var (
		usage   *usageError
		ended   ending
		conn    *client.ConnError
		refused *client.Error
	)
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &ended):
		return int(ended)
	case errors.As(err, &usage), fault.Is(err, fault.Invalid), fault.Is(err, fault.UnknownField), fault.Is(err, fault.NotSupported):
		return exitUsage
	case errors.As(err, &conn):
		return exitNoServer
	case errors.As(err, &refused):
		return exitRefused
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	return exitFailed
}

// endOf tells how a job ended, as an exit code's error; nil when it is completed.
func endOf(job *client.Job) error {
	switch {
	case job.Status == "completed":
		return nil
	case job.Status == "cancelled":
		return ending(exitCancelled)
	case job.Ended():
		return ending(exitFailed)
	}
	return ending(exitNotEnded)
}

// report prints an error that was not told yet.
func (a *app) report(err error) {
	var (
		ended   ending
		refused *client.Error
	)
	switch {
	case err == nil, errors.As(err, &ended):
		return
	case errors.As(err, &refused) && refused.StatusCode == http.StatusUnauthorized:
		a.say("%s %v (set KEDROD_API_KEY, or keep a key by kedrod login)", a.err.red("kedrod:"), err)
	default:
		a.say("%s %v", a.err.red("kedrod:"), err)
	}
}

// say prints a message for people on standard error.
func (a *app) say(format string, args ...any) {
	_, _ = fmt.Fprintf(a.Streams.Err, format+"\n", args...)
}
