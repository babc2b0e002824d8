package proc

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseStat(t *testing.T) {
	line := "4242 (a) b (c) S 7 4242 4200 0 -1 4194304 100 0 0 0 1 2 0 0 20 0 3 0 987654 1000 200 18446744073709551615"
	p, err := parseStat(4242, []byte(line))
	require.NoError(t, err)
	require.Equal(t, Process{PID: 4242, PPID: 7, Group: 4242, Session: 4200, State: 'S', Threads: 3, Start: 987654}, p)
	for _, bad := range []string{"", "1 (x", "1 (x) S 1 2", "1 (x) S a 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0"} {
		_, err := parseStat(1, []byte(bad))
		require.Error(t, err, bad)
	}
}

func FuzzParseStat(f *testing.F) {
	b, err := os.ReadFile("/proc/self/stat")
	require.NoError(f, err)
	f.Add(b)
	f.Add([]byte("1 ()) R 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0"))
	f.Fuzz(func(_ *testing.T, line []byte) { _, _ = parseStat(1, line) })
}

func TestStatOfSelf(t *testing.T) {
	p, err := Stat(os.Getpid())
	require.NoError(t, err)
	require.Equal(t, os.Getppid(), p.PPID)
	require.Equal(t, syscall.Getpgrp(), p.Group)
	require.True(t, p.Alive())
	_, err = Stat(1 << 30)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestKillSparesAStranger: a process under the same number that started at another time is another process.
func TestKillSparesAStranger(t *testing.T) {
	cmd := exec.Command("sleep", "600")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	p, err := Stat(cmd.Process.Pid)
	require.NoError(t, err)
	before := p
	before.Start--
	require.ErrorIs(t, Kill(before, syscall.SIGKILL), syscall.ESRCH)
	now, err := Stat(p.PID)
	require.NoError(t, err)
	require.True(t, now.Alive())
	require.NoError(t, Kill(p, syscall.SIGKILL))
	require.Error(t, cmd.Wait())
	require.ErrorIs(t, Kill(p, syscall.SIGKILL), syscall.ESRCH)
}

func TestChildrenAgree(t *testing.T) {
	cmd := exec.Command("sleep", "600")
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	all, err := AllChildren()
	require.NoError(t, err)
	require.Equal(t, []int{cmd.Process.Pid}, all)
	all, err = ChildrenByParent()
	require.NoError(t, err)
	require.Equal(t, []int{cmd.Process.Pid}, all)
}

func TestEnvironOfAnyLength(t *testing.T) {
	cmd := exec.Command("sleep", "600")
	big := make([]byte, 100<<10)
	for i := range big {
		big[i] = 'x'
	}
	cmd.Env = []string{"A=" + string(big), "M=w/1"}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	// Start returns within the exec, some microseconds before the new environment shows.
	require.Eventually(t, func() bool { return HasMarker(cmd.Process.Pid, Marker{Entry: "M=w/1"}) }, 10*time.Second, time.Millisecond)
	require.False(t, HasMarker(cmd.Process.Pid, Marker{Entry: "M=w/2"}))
	require.Nil(t, Environ(1<<30))
}
