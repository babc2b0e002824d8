package executor

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/executor/proc"
)

// firstChild is a container's first process: it starts a run that leaves something behind, beside strangers' orphans, and says what became of all.
// It ends in order when it is told to.
func firstChild() int {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	ctx := context.Background()
	self, err := os.Executable()
	if err != nil {
		return 2
	}
	e, err := New(ctx, Options{WorkerID: "first", Guard: []string{"/usr/bin/env", "GORACE=atexit_sleep_ms=0", self, "__guard"}})
	if err != nil {
		fmt.Println(err)
		return 2
	}
	fmt.Println("pid", os.Getpid())
	// A stranger's orphan: of `docker exec`, say. It is not marked, and hangs under us.
	stranger, err := exec.Command("sh", "-c", "(setsid sh -c 'echo $$; exec sleep 600 >/dev/null 2>&1' &)").Output()
	if err != nil {
		fmt.Println(err)
		return 2
	}
	r, err := e.Start(ctx, Spec{RunID: "r", Argv: []string{"sh", "-c", "(setsid sleep 600 &) ; (setsid sleep 0.01 &) ; exit 7"}, Env: plainEnv})
	if err != nil {
		fmt.Println(err)
		return 2
	}
	fmt.Println("run", r.Exit().Code, len(r.Exit().LeftBehind) > 0)
	fmt.Println("stranger", len(aliveOf([]int{atoi(stranger)})))
	fmt.Println("ready")
	<-told
	err = e.Close(ctx)
	fmt.Println("closed", err, len(aliveOf([]int{atoi(stranger)})))
	return 0
}

func atoi(b []byte) int {
	n, _ := strconv.Atoi(strings.TrimSpace(string(b)))
	return n
}

// TestAsAContainersFirstProcess needs the right to make a PID namespace (root, or unprivileged user namespaces).
func TestAsAContainersFirstProcess(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	args := []string{"--pid", "--fork", "--mount-proc", "--kill-child", self, childArg, "first"}
	if os.Geteuid() != 0 {
		args = append([]string{"--user", "--map-root-user"}, args...)
	}
	cmd := exec.Command("unshare", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start(), "unshare(1), of util-linux, is needed")
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	in := bufio.NewScanner(out)
	next := func() string {
		require.True(t, in.Scan(), "it ended: this user may not make a PID namespace (unshare --pid)?")
		return in.Text()
	}
	require.Equal(t, "pid 1", next())
	require.Equal(t, "run 7 true", next(), "the run's own orphans are ended")
	require.Equal(t, "stranger 1", next(), "and others' are not")
	require.Equal(t, "ready", next())

	first := onlyChild(t, cmd.Process.Pid)
	// Somebody from outside leaves orphans that end by themselves, within a session of their own and not.
	send := exec.Command("nsenter", "-t", strconv.Itoa(first), "--pid", "--mount", "sh", "-c", "for i in 1 2 3; do (sleep 0.02 &); (setsid sleep 0.02 &); done")
	send.Stdin, send.Stdout = nil, nil
	text, err := send.CombinedOutput()
	require.NoError(t, err, "%s", text)
	require.Eventually(t, func() bool {
		under := childrenOf(t, first)
		return len(under) == 2 && len(aliveOf(under)) == 2 // the guard and the stranger
	}, patience, 5*time.Millisecond, "every zombie is reaped")

	require.NoError(t, syscall.Kill(first, syscall.SIGTERM))
	require.Equal(t, "closed <nil> 1", next())
	require.False(t, in.Scan())
	require.NoError(t, cmd.Wait(), "a first process has no signal's default action, and ends in order all the same")
}

// childrenOf reads which processes hang under another.
func childrenOf(t *testing.T, pid int) (children []int) {
	t.Helper()
	all, err := proc.List()
	require.NoError(t, err)
	for _, other := range all {
		if p, err := proc.Stat(other); err == nil && p.PPID == pid {
			children = append(children, other)
		}
	}
	slices.Sort(children)
	return children
}

func onlyChild(t *testing.T, pid int) int {
	t.Helper()
	children := childrenOf(t, pid)
	require.Len(t, children, 1)
	return children[0]
}
