package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// noop is an executable in place of Kedro, or of the interpreter that has it: asked for a run it exits 0 at once, and
// anything else it hands to the real interpreter, so that kedrod finds a Kedro and a registry. While the named pipe
// beside it exists, each run first writes a byte there, which tells the time at which its process had started.
type noop struct {
	path, pipe string
}

const noopScript = `#!/bin/sh
case " $* " in
" run "* | *" kedro run "*) if [ -p %[1]q ]; then echo >%[1]q; fi; exit 0 ;;
esac
exec %[2]q "$@"
`

// newNoop puts the script where a virtual environment has its interpreter: bin/python in a folder of its own.
func newNoop(work, python string) (*noop, error) {
	n := &noop{path: filepath.Join(work, "noop", "bin", "python"), pipe: filepath.Join(work, "started")}
	if err := os.MkdirAll(filepath.Dir(n.path), 0o755); err != nil {
		return nil, err
	}
	return n, os.WriteFile(n.path, fmt.Appendf(nil, noopScript, n.pipe, python), 0o755)
}

func (n *noop) close() { _ = os.Remove(n.pipe) }

// listen makes the pipe; each value of the channel is the moment at which a run's process was up. Call the function that
// is returned when no run is left.
func (n *noop) listen() (<-chan time.Time, func() error, error) {
	if err := syscall.Mkfifo(n.pipe, 0o600); err != nil {
		return nil, nil, fmt.Errorf("making %s: %w", n.pipe, err)
	}
	// Open for writing too: a reader alone would see an end after each run.
	pipe, err := os.OpenFile(n.pipe, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	starts := make(chan time.Time, 16)
	go func() {
		defer close(starts)
		one := make([]byte, 1)
		for {
			if _, err := pipe.Read(one); err != nil {
				return
			}
			starts <- time.Now()
		}
	}()
	return starts, func() error {
		err := errors.Join(os.Remove(n.pipe), pipe.Close())
		for range starts { // until the reader has gone
		}
		return err
	}, nil
}

// starts takes, job by job on an idle stack, the time from sending the submission to the run's process being up.
func (s *service) starts(ctx context.Context, n *noop, count int) (delays []time.Duration, err error) {
	started, end, err := n.listen()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	c, err := dial(ctx, s.address)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	request := s.submission()
	for range count {
		sent := time.Now()
		id, err := c.submit(request)
		if err != nil {
			return nil, err
		}
		select {
		case at := <-started:
			delays = append(delays, at.Sub(sent))
		case <-time.After(10 * time.Second):
			return nil, errors.New("a job was accepted, and 10 s later no run had started")
		}
		if _, err := s.ended(ctx, c, id, 5*time.Millisecond); err != nil {
			return nil, err
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return nil, err
		}
	}
	slices.Sort(delays)
	return delays, nil
}

// floor is what of a start is the no-op's own: the median of fork, exec and its first line, without any service.
func (n *noop) floor(ctx context.Context) (floor time.Duration, err error) {
	started, end, err := n.listen()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, end()) }()
	var took []time.Duration
	for range 50 {
		began := time.Now()
		if err := exec.CommandContext(ctx, n.path, "run").Run(); err != nil {
			return 0, err
		}
		took = append(took, (<-started).Sub(began))
	}
	slices.Sort(took)
	return quantile(took, 0.5), nil
}
