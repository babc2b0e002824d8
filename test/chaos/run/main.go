//go:build linux

// Command run stands where a project's interpreter would, for test/chaos: asked for a
// run it holds a lock that proves that no other run of its job is alive, and one of the
// places of its scope; it writes down when it starts and ends, and prints numbered
// lines. Whatever else it is asked for it leaves to the real interpreter.
//
// Locks are those of open file descriptions, so that what a run leaves behind holds
// them too, and a process that is killed gives them back.
package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The variables that a run is told by.
const (
	dirVar    = "CHAOS_DIR"    // with the folders jobs and scopes, and the journal
	pythonVar = "CHAOS_PYTHON" // the real interpreter
)

// task is what a job's parameter `chaos` asks for.
type task struct {
	Milliseconds int    `json:"ms"`
	Lines        int    `json:"lines"`
	Exit         int    `json:"exit"`
	Leave        bool   `json:"leave"` // a process behind that left group and session
	Scope        string `json:"scope"`
	Limit        int    `json:"limit"`
}

func main() {
	args := os.Args[1:]
	if len(args) == 1 && args[0] == "linger" {
		time.Sleep(time.Minute) // until killed
		return
	}
	at := slices.Index(args, "--config")
	if !slices.Contains(args, "run") || at < 0 || at+1 >= len(args) {
		python := os.Getenv(pythonVar)
		fail(syscall.Exec(python, append([]string{python}, args...), os.Environ()))
	}
	os.Exit(run(args[at+1]))
}

func run(config string) int {
	id, attempt, dir := os.Getenv("KEDROD_JOB_ID"), os.Getenv("KEDROD_ATTEMPT"), os.Getenv(dirVar)
	note := func(format string, args ...any) {
		line := fmt.Sprintf("%d %s %s %d %s\n", sinceBoot(), id, attempt, os.Getpid(), fmt.Sprintf(format, args...))
		f, err := os.OpenFile(filepath.Join(dir, "journal"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			fail(err)
		}
		defer f.Close()
		_, _ = f.WriteString(line)
	}
	if !lock(filepath.Join(dir, "jobs", id)) {
		note("overlap: another run of this job is alive")
	}
	var c struct {
		Run struct {
			Params struct {
				Chaos task `json:"chaos"`
			} `json:"params"`
		} `json:"run"`
	}
	b, err := os.ReadFile(config)
	if err != nil {
		fail(err)
	}
	if err := json.Unmarshal(b, &c); err != nil {
		fail(err)
	}
	t := c.Run.Params.Chaos
	if t.Scope != "" && !place(filepath.Join(dir, "scopes", t.Scope), t.Limit) {
		note("over: all %d places of %s are taken", t.Limit, t.Scope)
	}
	note("start")
	if t.Leave {
		leave()
	}
	pause := time.Duration(t.Milliseconds) * time.Millisecond / time.Duration(t.Lines+1)
	for n := range t.Lines {
		time.Sleep(pause)
		fmt.Printf("%s.%s line %d of %d %s\n", id, attempt, n, t.Lines, strings.Repeat("x", rand.IntN(200)))
	}
	time.Sleep(pause)
	note("end %d", t.Exit)
	return t.Exit
}

// leave starts a process in a session of its own, which outlives this one unless killed.
func leave() {
	cmd := exec.Command(os.Args[0], "linger") //nolint:noctx // its end is not ours
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		fail(err)
	}
}

// lock takes a file's lock for this process and all that it starts.
func lock(path string) bool {
	fd, err := unix.Open(path, unix.O_CREAT|unix.O_RDWR, 0o644) // without O_CLOEXEC, on purpose
	if err != nil {
		fail(err)
	}
	if unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) != nil {
		_ = unix.Close(fd)
		return false
	}
	return true
}

func place(prefix string, limit int) bool {
	for n := range limit {
		if lock(fmt.Sprintf("%s.%d", prefix, n)) {
			return true
		}
	}
	return false
}

func sinceBoot() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &t)
	return t.Nano()
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "chaos run:", err)
	os.Exit(97)
}
