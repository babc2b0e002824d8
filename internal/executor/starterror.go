package executor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// StartErrorKind says whose fault a failed start is.
type StartErrorKind string

// Kinds of failed starts.
const (
	CommandNotFound      StartErrorKind = "command_not_found"      // no such file, or a link to nowhere
	CommandNotExecutable StartErrorKind = "command_not_executable" // a folder, no permission, or not a program of this machine
	InterpreterNotFound  StartErrorKind = "interpreter_not_found"  // the file exists; what its first line or its header names does not
	DirNotFound          StartErrorKind = "dir_not_found"          // the working directory is missing, no folder, or closed to us
	ArgumentsTooLong     StartErrorKind = "arguments_too_long"     // E2BIG: arguments and environment, or one of them, are too large
	NoResources          StartErrorKind = "no_resources"           // EAGAIN, ENOMEM, EMFILE, ENFILE: a limit of processes, memory or files; may pass
	OtherStartError      StartErrorKind = "other"
)

// StartError tells why a process could not be started.
type StartError struct {
	Kind StartErrorKind
	Path string // the command, or the folder for DirNotFound
	Err  error  // the system's own
}

func (e *StartError) Error() string {
	switch e.Kind {
	case CommandNotFound:
		if to, err := os.Readlink(e.Path); err == nil {
			return fmt.Sprintf("%s is a link to %s, which does not exist", e.Path, to)
		}
		return fmt.Sprintf("%s does not exist", e.Path)
	case CommandNotExecutable:
		return fmt.Sprintf("%s can't be executed: %v", e.Path, e.Err)
	case InterpreterNotFound:
		return fmt.Sprintf("%s needs a program or loader that does not exist (see its first line)", e.Path)
	case DirNotFound:
		return fmt.Sprintf("the working directory %s can't be used: %v", e.Path, e.Err)
	case ArgumentsTooLong:
		return fmt.Sprintf("%s: arguments and environment are too large for the system: %v", e.Path, e.Err)
	case NoResources:
		return fmt.Sprintf("%s: a limit of processes, memory or files is reached: %v", e.Path, e.Err)
	case OtherStartError:
	}
	return fmt.Sprintf("start %s: %v", e.Path, e.Err)
}

func (e *StartError) Unwrap() error { return e.Err }

// startError finds out which part of a start failed; the system tells one number for all.
func startError(path, dir string, err error) *StartError {
	e := &StartError{Kind: OtherStartError, Path: path, Err: err}
	switch {
	case errors.Is(err, syscall.E2BIG):
		e.Kind = ArgumentsTooLong
		return e
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.ENOMEM), errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		e.Kind = NoResources
		return e
	}
	if dir != "" {
		if bad := checkDir(dir); bad != nil {
			return &StartError{Kind: DirNotFound, Path: dir, Err: bad}
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
	}
	st, statErr := os.Stat(path)
	switch {
	case errors.Is(statErr, os.ErrNotExist):
		e.Kind = CommandNotFound
	case errors.Is(err, syscall.ENOENT):
		e.Kind = InterpreterNotFound
	case statErr == nil && st.IsDir(), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM), errors.Is(err, syscall.ENOEXEC):
		e.Kind = CommandNotExecutable
	}
	return e
}

func checkDir(dir string) error {
	st, err := os.Stat(dir)
	if err != nil {
		return errors.Unwrap(err)
	}
	if !st.IsDir() {
		return syscall.ENOTDIR
	}
	if syscall.Access(dir, 1) != nil { // X_OK
		return syscall.EACCES
	}
	return nil
}

// lookPath finds a command without a slash in the PATH of the environment it will get.
func lookPath(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	path := ""
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, "PATH="); ok {
			path = v
			break
		}
	}
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			continue // the working directory is the project: nothing in it may pass for a system's command
		}
		file := filepath.Join(dir, name)
		if st, err := os.Stat(file); err == nil && !st.IsDir() && st.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", &StartError{Kind: CommandNotFound, Path: name, Err: syscall.ENOENT}
}
