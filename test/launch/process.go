package launch

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a `kedrod serve` that was started.
type Process struct {
	Base string // its address, http://HOST:PORT
	Line string // what it printed when it listened
	PID  int
	Log  *Text // its standard error

	cmd   *exec.Cmd
	ended chan struct{}
	code  int  // once it has ended; -1 for a signal
	sent  bool // by Signal: how it ends is the test's business
}

// Start starts a serve and waits until it listens; End it, error or not, where a
// process is given.
func Start(cmd *exec.Cmd) (*Process, error) {
	p, err := StartReady(cmd)
	if err != nil {
		return p, err
	}
	if p.Base = regexp.MustCompile(`http://[0-9A-Za-z.:\[\]-]+`).FindString(p.Line); p.Base == "" {
		<-p.ended
		return p, fmt.Errorf("kedrod serve printed %q and ended with %d:\n%s", p.Line, p.code, p.Log)
	}
	return p, nil
}

// StartReady starts a serve or a worker and waits for the line that says that it is
// ready, which is "" where it ended before.
func StartReady(cmd *exec.Cmd) (*Process, error) {
	p := &Process{Log: new(Text), cmd: cmd, ended: make(chan struct{})}
	cmd.Stderr = p.Log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p.PID = cmd.Process.Pid
	first := make(chan string, 1)
	go func() {
		defer close(p.ended)
		lines := bufio.NewReader(out)
		line, _ := lines.ReadString('\n')
		first <- line
		_, _ = io.Copy(io.Discard, lines)
		_ = cmd.Wait()
		p.code = cmd.ProcessState.ExitCode()
	}()
	select {
	case p.Line = <-first:
	case <-time.After(Patience):
		_ = cmd.Process.Kill()
		<-p.ended
		return nil, fmt.Errorf("kedrod serve did not listen within %s:\n%s", Patience, p.Log)
	}
	return p, nil
}

// Signal sends one to serve alone; End looks at its exit code no more.
func (p *Process) Signal(sig os.Signal) error {
	p.sent = true
	return p.cmd.Process.Signal(sig)
}

// Exited gives the exit code once the process has ended, -1 for a signal.
func (p *Process) Exited() (int, error) {
	select {
	case <-p.ended:
		return p.code, nil
	case <-time.After(Patience):
		return 0, fmt.Errorf("kedrod serve did not end:\n%s", Tail(p.Log.String(), 40))
	}
}

// End ends the process by SIGTERM, unless the test did, and tells what was wrong with
// it. It may be called again.
func (p *Process) End() error {
	if !p.sent {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
	}
	if _, err := p.Exited(); err != nil {
		_ = p.cmd.Process.Kill()
		<-p.ended
		return errors.New("kedrod serve did not end after SIGTERM")
	}
	log := p.Log.String()
	switch {
	case strings.Contains(log, "WARNING: DATA RACE"):
		return fmt.Errorf("a data race in kedrod serve:\n%s", log)
	case strings.Contains(log, "panic"):
		return fmt.Errorf("a panic in kedrod serve:\n%s", log)
	case !p.sent && p.code != 0:
		return fmt.Errorf("kedrod serve ended with %d:\n%s", p.code, Tail(log, 40))
	}
	return nil
}

// Text gathers what a process prints while others read it.
type Text struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends.
func (t *Text) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

// String is all of it so far.
func (t *Text) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

// Tail is the last lines of a text.
func Tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
