package pgtest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Mode is a way of ending a server.
type Mode syscall.Signal

// The ways of ending a server.
const (
	Fast      = Mode(syscall.SIGINT)  // in good order, its clients' connections cut
	Immediate = Mode(syscall.SIGQUIT) // at once, to recover at its next start
	Kill      = Mode(syscall.SIGKILL) // of the postmaster alone: its children see that it is gone
)

// process is one postmaster.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// PID is the postmaster's; 0 when none runs.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.process.alive() {
		return 0
	}
	return s.process.cmd.Process.Pid
}

// Running tells whether the postmaster is there.
func (s *Server) Running() bool { return s.PID() != 0 }

func (p *process) alive() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// Stop ends the server and waits until its postmaster is gone; nothing when it does not
// run. What it kept stays for Restart.
func (s *Server) Stop(how Mode) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.process.alive() {
		return nil
	}
	return s.process.end(syscall.Signal(how))
}

func (p *process) end(by syscall.Signal) error {
	_ = p.cmd.Process.Signal(by) // it may have ended just now
	select {
	case <-p.ended:
		return nil
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.ended
		return fmt.Errorf("PostgreSQL did not end within %s by %s", patience, by)
	}
}

// Restart starts the server if it does not run, on the port that it had, and waits until
// it answers.
func (s *Server) Restart() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process.alive() {
		return nil
	}
	for deadline := time.Now().Add(patience); ; {
		if s.port == 0 || s.taken() {
			port, err := freePort()
			if err != nil {
				return err
			}
			s.port = port
		}
		p, err := s.launch()
		if err != nil {
			return err
		}
		if s.answers(p, deadline) {
			s.process = p
			return nil
		}
		if time.Now().After(deadline) {
			_ = p.end(syscall.SIGKILL)
			return fmt.Errorf("PostgreSQL does not answer:\n%s", s.log())
		}
		// It ended by itself. Either another took the port before it, or children of a killed
		// one are still on their way out; anything else shows again and again.
	}
}

// taken tells whether the last start found that somebody else has the port. Only a
// server that never answered may choose another one.
func (s *Server) taken() bool {
	return s.process == nil && strings.Contains(s.log(), "could not bind IPv4 address")
}

// launch starts the postmaster from a thread that lives as long as it or the test
// binary: the system kills it when that thread ends.
func (s *Server) launch() (*process, error) {
	log, err := os.Create(s.logFile())
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has its own
	args := append([]string{"-D", s.data(), "-k", s.folder, "-p", strconv.Itoa(s.port)}, s.args...)
	p := &process{cmd: s.command("postgres", args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	dieWithParent(p.cmd.SysProcAttr)
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		defer close(p.ended)
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // how it ended is seen in its log
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	return p, nil
}

// answers waits until the server answers, over the socket in its own folder, so that it
// is no other that does; false once it has ended or time is up.
func (s *Server) answers(p *process, deadline time.Time) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for time.Now().Before(deadline) {
		select {
		case <-p.ended:
			return false
		case <-tick.C:
			if _, err := s.SQL("postgres", "SELECT 1"); err == nil {
				return true
			}
		}
	}
	return false
}

func (s *Server) log() string {
	b, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	return string(b)
}
