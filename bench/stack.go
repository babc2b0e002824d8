package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// stack is something that takes POST /api/v1/jobs.
type stack interface {
	name() string
	// start begins its processes with everything they write in folder; kedro is the executable that stands in for Kedro
	// ("": the real one). What is returned is to be stopped, error or not.
	start(ctx context.Context, folder, kedro string) (*service, error)
}

// service is a stack that is up.
type service struct {
	address   string // host:port
	health    string // path that answers 200 once it is ready
	pipeline  string
	key       string    // sent with each call; "" where the stack asks for none
	began     time.Time // when its first process was started
	processes []*process
}

// process is one that we started, the leader of a group of its own.
type process struct {
	command *exec.Cmd
	name    string
	ended   chan struct{}
}

// launch adds a process to the service. Its output goes to NAME.log in folder, stdout to NAME.out.
func (s *service) launch(folder, name string, env []string, argv ...string) error {
	log, err := os.Create(filepath.Join(folder, name+".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	out, err := os.Create(filepath.Join(folder, name+".out"))
	if err != nil {
		return err
	}
	defer out.Close()
	// Not bound to a context: it is ended in order, by stop.
	command := exec.Command(argv[0], argv[1:]...) //nolint:noctx // see above
	command.Dir, command.Env, command.Stdout, command.Stderr = folder, env, out, log
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if len(s.processes) == 0 {
		s.began = time.Now()
	}
	if err := command.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	p := &process{command, name, make(chan struct{})}
	go func() {
		defer close(p.ended)
		_ = command.Wait() // how it ended is told by its log
	}()
	s.processes = append(s.processes, p)
	return nil
}

// stop ends what was launched, the newest first; no process of theirs is left.
func (s *service) stop() error {
	if s == nil {
		return nil
	}
	var failures []error
	for i := len(s.processes) - 1; i >= 0; i-- {
		p := s.processes[i]
		group := -p.command.Process.Pid
		_ = p.command.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.ended:
		case <-time.After(40 * time.Second):
			failures = append(failures, fmt.Errorf("%s did not end within 40 s of SIGTERM and was killed", p.name))
		}
		// The group outlives its leader while a member is left.
		_ = syscall.Kill(group, syscall.SIGKILL)
		<-p.ended
	}
	return errors.Join(failures...)
}

// await polls the health path.
func (s *service) await(ctx context.Context, limit time.Duration) error {
	var last error
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); {
		for _, p := range s.processes {
			select {
			case <-p.ended:
				return fmt.Errorf("%s ended while starting (%s)", p.name, p.command.ProcessState)
			default:
			}
		}
		c, err := dial(ctx, s.address)
		if err == nil {
			_, err = c.exchange(s.get(s.health))
			_ = c.Close()
		}
		if err == nil {
			return nil
		}
		last = err
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s does not answer after %s: %w", s.address, limit, last)
}

// freePort is one that nobody has at the moment, on the loopback address.
func freePort(ctx context.Context) (string, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	address, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return "", fmt.Errorf("%s is no TCP address", l.Addr())
	}
	return strconv.Itoa(address.Port), nil
}
