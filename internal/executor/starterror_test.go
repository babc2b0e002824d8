package executor

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStartErrors(t *testing.T) {
	e := newExecutor(t)
	dir := t.TempDir()
	file := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), mode))
		return path
	}
	link := filepath.Join(dir, "python")
	require.NoError(t, os.Symlink("/usr/bin/python0.9", link))
	plain := file("plain", "x", 0o600)
	for _, c := range []struct {
		name string
		spec Spec
		kind StartErrorKind
		text string
	}{
		{"no such file", Spec{Argv: []string{"/no/such/python"}}, CommandNotFound, "/no/such/python does not exist"},
		{"not on the PATH", Spec{Argv: []string{"no-such-command"}}, CommandNotFound, "no-such-command does not exist"},
		{"a link to nowhere", Spec{Argv: []string{link}}, CommandNotFound, link + " is a link to /usr/bin/python0.9, which does not exist"},
		{"not executable", Spec{Argv: []string{plain}}, CommandNotExecutable, "can't be executed: permission denied"},
		{"no program", Spec{Argv: []string{file("text", "x", 0o700)}}, CommandNotExecutable, "can't be executed: exec format error"},
		{"a folder", Spec{Argv: []string{dir}}, CommandNotExecutable, "can't be executed"},
		{"its interpreter is missing", Spec{Argv: []string{file("script", "#!/no/such/python\n", 0o700)}}, InterpreterNotFound, "needs a program or loader that does not exist"},
		{"no such folder", Spec{Argv: []string{"/bin/true"}, Dir: "/no/such/dir"}, DirNotFound, "the working directory /no/such/dir can't be used: no such file or directory"},
		{"a file as folder", Spec{Argv: []string{"/bin/true"}, Dir: plain}, DirNotFound, "not a directory"},
		{"relative, below the folder", Spec{Argv: []string{"./none"}, Dir: dir}, CommandNotFound, "none does not exist"},
		{"arguments too long", Spec{Argv: []string{"/bin/true", strings.Repeat("x", 3<<20)}}, ArgumentsTooLong, "too large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.spec.RunID, c.spec.Env = "a", plainEnv
			_, err := e.Start(t.Context(), c.spec)
			var start *StartError
			require.ErrorAs(t, err, &start)
			require.Equal(t, c.kind, start.Kind)
			require.ErrorContains(t, err, c.text)
		})
	}
	// Nothing of a failed start remains: the same id may be used.
	r, err := e.Start(t.Context(), Spec{RunID: "a", Argv: []string{"true"}, Env: plainEnv})
	require.NoError(t, err)
	require.Zero(t, waitExit(t, r).Code)
}

func TestStartErrorThatMayPass(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE} {
		require.Equal(t, NoResources, startError("/bin/true", "/", errno).Kind)
	}
	require.Equal(t, OtherStartError, startError("/bin/true", "/", syscall.EIO).Kind)
}

func TestLookPathIgnoresFoldersThatDependOnTheProject(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tool"), []byte("#!/bin/sh\n"), 0o700))
	t.Chdir(dir)
	_, err := lookPath("tool", []string{"PATH=.::bin"})
	require.Error(t, err)
	got, err := lookPath("tool", []string{"PATH=.:" + dir})
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "tool"), got)
}
