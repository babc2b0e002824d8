package executor

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// guardProcess is one guard and our end of its socket. Its fields seq and acked are under the guardLink's lock, which send is called with.
type guardProcess struct {
	child  *child
	socket *os.File
	raw    syscall.RawConn
	seq    uint64        // of the last message sent
	acked  uint64        // newest answer
	dead   chan struct{} // closed once it is reaped; nothing of it can kill any more
	status int           // as shells tell it, after dead

	mu     sync.Mutex
	reaped bool
}

// guardCommand is how a guard is started.
type guardCommand struct {
	argv   []string // without the worker's id
	worker string
	null   *os.File
	lock   *os.File // the worker's, which the guard shares; nil: none
	cgroup string   // the worker's control group; "": none
}

// startGuard starts a guard with the other end of a socket pair. It gets nothing of our environment: the marker must not be in it.
func startGuard(d *door, with guardCommand) (*guardProcess, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("make the guard's socket: %w", err)
	}
	defer theirs.Close()
	raw, err := ours.SyscallConn()
	if err != nil {
		_ = ours.Close()
		return nil, err
	}
	null := with.null.Fd()
	files := []uintptr{null, null, os.Stderr.Fd(), theirs.Fd()} // the last is guard.Socket
	if with.lock != nil {
		files = append(files, with.lock.Fd()) // to have it is all that the guard does with it
	}
	argv := with.argv
	c, err := d.start(argv[0], append(argv[:len(argv):len(argv)], with.worker), &syscall.ProcAttr{
		Env:   []string{"GOMAXPROCS=1"},
		Files: files,
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		_ = ours.Close()
		return nil, startError(argv[0], "", err)
	}
	return attendTo(&guardProcess{child: c, socket: ours, raw: raw, dead: make(chan struct{})}), nil
}

// attendTo reaps a guard once it has ended.
func attendTo(g *guardProcess) *guardProcess {
	go func() {
		g.child.awaitExit()
		g.mu.Lock()
		ws, ru := g.child.reap()
		g.reaped = true
		g.mu.Unlock()
		g.status = exitOf(ws, ru).ShellCode()
		close(g.dead)
	}()
	return g
}

// socketPair returns two connected ends, both closed on exec, the first non-blocking.
func socketPair() (ours, theirs *os.File, err error) {
	syscall.ForkLock.RLock() // darwin has no SOCK_CLOEXEC
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fds[0])
		unix.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, err
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		_, _ = unix.Close(fds[0]), unix.Close(fds[1])
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "guard"), os.NewFile(uintptr(fds[1]), "guard's end"), nil
}

// send writes one message without ever waiting: a caller may be about to renew a lease. If the socket is full or closed, the guard has not read for
// long; it is killed and false returned.
func (g *guardProcess) send(verb string, args ...any) bool {
	g.seq++
	line := strconv.AppendUint(nil, g.seq, 10)
	line = append(append(line, ' '), verb...)
	for _, a := range args {
		line = fmt.Append(append(line, ' '), a)
	}
	line = append(line, '\n')
	n := 0
	var werr error
	err := g.raw.Write(func(fd uintptr) bool {
		for {
			n, werr = unix.Write(int(fd), line)
			if werr != unix.EINTR {
				return true
			}
		}
	})
	if err == nil && werr == nil && n == len(line) {
		return true
	}
	g.kill()
	return false
}

// listen reads answers until the socket ends.
func (g *guardProcess) listen(heard func(seq uint64)) {
	in := bufio.NewScanner(g.socket)
	for in.Scan() {
		n, ok := parseAnswer(in.Text())
		if !ok {
			g.kill()
			return
		}
		heard(n)
	}
}

// parseAnswer reads "ok SEQ": everything up to that message is worked off.
//
//kedrod:parser FuzzParseAnswer
func parseAnswer(line string) (seq uint64, ok bool) {
	text, ok := strings.CutPrefix(line, "ok ")
	seq, err := strconv.ParseUint(text, 10, 64)
	return seq, ok && err == nil
}

// kill ends the guard at once. It kills nothing on its way.
func (g *guardProcess) kill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.reaped {
		_ = syscall.Kill(g.child.pid, syscall.SIGKILL)
	}
}
