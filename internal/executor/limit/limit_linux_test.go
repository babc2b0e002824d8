package limit

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBecome runs this test binary as what it turns into a command.
func TestBecome(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	run := func(args ...string) (out, status string) {
		said, say, err := os.Pipe()
		require.NoError(t, err)
		defer said.Close()
		cmd := exec.Command(self, append([]string{Arg}, args...)...)
		cmd.ExtraFiles = []*os.File{say} // descriptor 3
		cmd.Env = []string{"A=b c", "EMPTY="}
		text, _ := cmd.Output()
		require.NoError(t, say.Close())
		buf := make([]byte, 16)
		n, _ := said.Read(buf)
		return string(text), string(buf[:n])
	}
	out, status := run("123456789012", "/bin/sh", "sh", "-c", `ulimit -v; echo "$0 $1 $A$EMPTY"`, "zero", "one  two")
	require.Equal(t, strconv.Itoa(123456789012/1024)+"\nzero one  two b c\n", out)
	require.Empty(t, status, "it closed with the exec")
	for _, c := range []struct {
		args  []string
		errno syscall.Errno
	}{
		{[]string{"1000000000000", "/no/such/file", "x"}, syscall.ENOENT},
		{[]string{"1000000000000", "/", "x"}, syscall.EACCES},
		{[]string{"x", "/bin/true", "true"}, syscall.EINVAL},
		{[]string{"1", "/bin/true"}, syscall.EINVAL},
	} {
		out, status = run(c.args...)
		require.Empty(t, out)
		require.Equal(t, strconv.Itoa(int(c.errno)), status, "%v", c.args)
	}
}

func TestNumbers(t *testing.T) {
	for _, n := range []uint64{0, 7, 10, 4294967296} {
		got, ok := number(string(digits(n)))
		require.True(t, ok)
		require.Equal(t, n, got)
	}
	for _, bad := range []string{"", "-1", "1x", strings.Repeat("9", 19)} {
		_, ok := number(bad)
		require.False(t, ok, bad)
	}
}
