package proc

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Supported tells whether this system shows its processes in /proc.
const Supported = true

// errFormat is what a line of /proc that is not as proc(5) says is answered with.
var errFormat = errors.New("unexpected content in /proc")

// List returns all pids.
func List() ([]int, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	var pids []int
	for {
		names, err := dir.Readdirnames(512)
		for _, name := range names {
			if name[0] < '1' || name[0] > '9' {
				continue
			}
			if pid, err := strconv.Atoi(name); err == nil {
				pids = append(pids, pid)
			}
		}
		if errors.Is(err, io.EOF) {
			return pids, nil
		}
		if err != nil {
			return pids, err
		}
	}
}

// Stat reads one process. It returns an error if there is none of this pid (any more).
func Stat(pid int) (Process, error) {
	var buf [1024]byte // the fields up to the start time fit; the name is 64 bytes at most
	n, err := readInto("/proc/"+strconv.Itoa(pid)+"/stat", buf[:])
	if err != nil {
		return Process{}, err
	}
	return parseStat(pid, buf[:n])
}

// parseStat takes a stat line apart. The name in parentheses may itself hold blanks and parentheses, so the last one counts.
//
//kedrod:parser FuzzParseStat
func parseStat(pid int, line []byte) (Process, error) {
	end := bytes.LastIndexByte(line, ')')
	if end < 0 {
		return Process{}, errFormat
	}
	fields := bytes.Fields(line[end+1:])
	const ( // numbers of proc_pid_stat(5) less 3
		state, ppid, pgrp, session, threads, start = 0, 1, 2, 3, 17, 19
	)
	if len(fields) <= start || len(fields[state]) != 1 {
		return Process{}, errFormat
	}
	p := Process{PID: pid, State: fields[state][0]}
	for _, f := range []struct {
		to *int
		at int
	}{{&p.PPID, ppid}, {&p.Group, pgrp}, {&p.Session, session}, {&p.Threads, threads}} {
		n, err := strconv.Atoi(string(fields[f.at]))
		if err != nil {
			return Process{}, errFormat
		}
		*f.to = n
	}
	n, err := strconv.ParseUint(string(fields[start]), 10, 64)
	if err != nil {
		return Process{}, errFormat
	}
	p.Start = n
	return p, nil
}

// HasMarker tells whether a process's environment, as it was at its last exec, holds the marker. False if it may not be read.
func HasMarker(pid int, m Marker) bool {
	return m.In(Environ(pid))
}

// Environ reads a process's environment block; nil if it may not be read or is gone.
func Environ(pid int) []byte {
	buf := make([]byte, 16<<10)
	fd, err := openRead("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	used := 0
	for {
		if used == len(buf) {
			buf = append(buf, make([]byte, len(buf))...)
		}
		n, err := read(fd, buf[used:])
		if n <= 0 || err != nil {
			return buf[:used]
		}
		used += n
	}
}

// Find takes a picture of all processes and returns those wanted with all their descendants, zombies included.
func Find(want Wanted) ([]Process, error) {
	pids, err := List()
	if err != nil {
		return nil, err
	}
	all := make([]Process, 0, len(pids))
	for _, pid := range pids {
		if p, err := Stat(pid); err == nil {
			all = append(all, p)
		}
	}
	self := os.Getpid()
	return family(all, want, func(pid int) bool {
		return want.Marker.Entry != "" && pid != self && HasMarker(pid, want.Marker)
	}), nil
}

// Kill sends a signal to exactly the process meant: the descriptor is opened first and its start time is compared after, so that a number that
// was given to a stranger meanwhile is not hit. It returns syscall.ESRCH if the process is gone.
func Kill(p Process, sig syscall.Signal) error {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if err == nil {
		defer unix.Close(fd)
	} else if !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EPERM) {
		return err
	}
	now, statErr := Stat(p.PID)
	if statErr != nil || now.Start != p.Start {
		return syscall.ESRCH
	}
	if err != nil { // a kernel before 5.3, or a sandbox that forbids the call: the gap since the comparison is some microseconds
		return unix.Kill(p.PID, sig)
	}
	return unix.PidfdSendSignal(fd, sig, nil, 0)
}

// Children returns the children of the calling process that hang under its first thread: there the kernel puts every orphan that a subreaper
// adopts (find_new_reaper in kernel/exit.c takes the first living thread). Reading one file costs some microseconds, whatever runs on the machine.
func Children() ([]int, error) {
	pid := strconv.Itoa(os.Getpid())
	return childrenFile("/proc/self/task/"+pid+"/children", nil)
}

// AllChildren returns the children under every thread of the calling process.
func AllChildren() ([]int, error) {
	dir, err := os.Open("/proc/self/task")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, name := range names {
		more, err := childrenFile("/proc/self/task/"+name+"/children", pids)
		if errors.Is(err, os.ErrNotExist) && len(names) > 1 {
			if _, gone := os.Stat("/proc/self/task/" + name); gone != nil {
				continue // the thread ended
			}
		}
		if err != nil {
			return nil, err
		}
		pids = more
	}
	return pids, nil
}

// ChildrenByParent returns the children of the calling process by reading the whole process table: for kernels that have no children files.
func ChildrenByParent() ([]int, error) {
	pids, err := List()
	if err != nil {
		return nil, err
	}
	self := os.Getpid()
	var children []int
	for _, pid := range pids {
		if p, err := Stat(pid); err == nil && p.PPID == self {
			children = append(children, pid)
		}
	}
	return children, nil
}

func childrenFile(path string, pids []int) ([]int, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return pids, err
	}
	return parseChildren(b, pids)
}

// parseChildren adds the pids of a children file.
//
//kedrod:parser FuzzParseChildren
func parseChildren(b []byte, pids []int) ([]int, error) {
	for _, f := range bytes.Fields(b) {
		pid, err := strconv.Atoi(string(f))
		if err != nil {
			return pids, errFormat
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// readInto reads the beginning of a file without os.File's cost (a finalizer, an attempt at the poller), as scans read thousands.
func readInto(path string, buf []byte) (int, error) {
	fd, err := openRead(path)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	return read(fd, buf)
}

func openRead(path string) (int, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

func read(fd int, buf []byte) (int, error) {
	for {
		n, err := unix.Read(fd, buf)
		if err != unix.EINTR {
			return n, err
		}
	}
}
