package chaos

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kedrod/kedrod/internal/executor/guard"
	"github.com/kedrod/kedrod/test/launch"
)

// node is a kedrod serve or worker that dies and comes again, always on its own folder
// and, a serve, on its own address.
type node struct {
	name string
	verb string
	args []string
	env  []string
	dir  string
	log  launch.Text
	mark string // in the environment of all that it starts

	groupless bool // it finds no control groups, as in many containers; needs root

	mu   sync.Mutex // over its life: who kills it starts it again
	cmd  *exec.Cmd
	gone chan struct{}
	base string // of a serve: http://HOST:PORT
}

// start starts it and waits until it says that it is ready.
func (n *node) start() error {
	argv := append([]string{binary, n.verb}, n.args...)
	if n.groupless {
		// A mount of our own hides the control groups, without another process between.
		argv = append([]string{"unshare", "--mount", "sh", "-c", `mount -t tmpfs none /sys/fs/cgroup && exec "$@"`, "sh"}, argv...)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env, cmd.Dir, cmd.Stderr = n.env, n.dir, &n.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	gone, first := make(chan struct{}), make(chan string, 1)
	go func() {
		defer close(gone)
		lines := bufio.NewReader(out)
		line, _ := lines.ReadString('\n')
		first <- line
		_, _ = io.Copy(io.Discard, lines)
		_ = cmd.Wait()
	}()
	n.cmd, n.gone = cmd, gone
	select {
	case line := <-first:
		if line == "" {
			<-gone
			return fmt.Errorf("%s ended at its start with %d:\n%s", n.name, cmd.ProcessState.ExitCode(), launch.Tail(n.log.String(), 20))
		}
		return nil
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		<-gone
		return fmt.Errorf("%s was not ready in time:\n%s", n.name, launch.Tail(n.log.String(), 20))
	}
}

// again starts it as often as it takes while the database may be away.
func (n *node) again() error {
	deadline := time.Now().Add(patience)
	for {
		err := n.start()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		<-time.After(100 * time.Millisecond)
	}
}

func (n *node) signal(sig syscall.Signal) { _ = n.cmd.Process.Signal(sig) }

// kill ends it as a crash does, and waits until it is gone.
func (n *node) kill() {
	n.signal(syscall.SIGKILL)
	<-n.gone
}

// killBoth kills it with its guard.
func (n *node) killBoth() {
	guards := n.guards()
	n.signal(syscall.SIGSTOP) // it must not start another guard
	for _, pid := range guards {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	n.kill()
}

// killMachine kills it with its guard and every run of theirs, as when a machine goes.
func (n *node) killMachine() {
	guards := n.guards()
	n.signal(syscall.SIGSTOP)
	for _, pid := range append(guards, marked(n.mark)...) {
		if pid != n.cmd.Process.Pid {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	n.kill()
}

// guards gives the pids of its guard process.
func (n *node) guards() []int {
	var pids []int
	for _, pid := range children(n.cmd.Process.Pid) {
		line, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
		if args := strings.Split(string(line), "\x00"); len(args) > 1 && args[1] == guard.Arg {
			pids = append(pids, pid)
		}
	}
	return pids
}

// runs gives the pids of its own children that are not its guard.
func (n *node) runs() []int {
	var pids []int
	guards := n.guards()
	for _, pid := range children(n.cmd.Process.Pid) {
		if len(guards) == 0 || pid != guards[0] {
			pids = append(pids, pid)
		}
	}
	return pids
}

func children(pid int) []int {
	var pids []int
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		b, _ := os.ReadFile(task)
		for word := range strings.FieldsSeq(string(b)) {
			if child, err := strconv.Atoi(word); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

// marked gives the processes that have a variable in their environment.
func marked(entry string) []int {
	var pids []int
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range all {
		b, _ := os.ReadFile(path)
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if pid != os.Getpid() && strings.Contains("\x00"+string(b)+"\x00", "\x00"+entry+"\x00") {
			pids = append(pids, pid)
		}
	}
	return pids
}

// end stops the node in good order at the end of a test.
func (n *node) end(t *testing.T) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil {
		return
	}
	n.signal(syscall.SIGCONT)
	n.signal(syscall.SIGTERM)
	select {
	case <-n.gone:
	case <-time.After(patience):
		n.kill()
		t.Errorf("%s did not end after SIGTERM", n.name)
	}
	log := n.log.String()
	if strings.Contains(log, "WARNING: DATA RACE") || strings.Contains(log, "panic:") {
		t.Errorf("%s:\n%s", n.name, log)
	}
	if t.Failed() {
		t.Logf("the log of %s ends so:\n%s", n.name, launch.Tail(log, 40))
	}
}
