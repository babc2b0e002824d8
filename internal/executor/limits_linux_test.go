package executor

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/kedrod/kedrod/internal/executor/cgroup"
)

// kernel stands in for control groups on a file tree: it refuses controllers below a group that holds processes, and moves processes.
type kernel struct{ t *testing.T }

func (k kernel) write(dir, file, text string) error {
	switch file {
	case "subtree_control":
		if cgroup.Read(dir, "procs") != "" {
			return unix.EBUSY
		}
		have := cgroup.Read(dir, "subtree_control")
		text = strings.TrimSpace(have + " " + strings.ReplaceAll(text, "+", ""))
	case "procs":
		require.NoError(k.t, os.WriteFile(filepath.Dir(dir)+"/cgroup.procs", nil, 0o600))
	}
	if !strings.Contains(file, ".") {
		file = "cgroup." + file
	}
	return os.WriteFile(dir+"/"+file, []byte(text), 0o600)
}

// fakeGroups is a tree in which our own group holds the processes given.
func fakeGroups(t *testing.T, controllers string, procs ...string) *cgroups {
	t.Helper()
	own := t.TempDir()
	require.NoError(t, os.WriteFile(own+"/cgroup.controllers", []byte(controllers), 0o600))
	require.NoError(t, os.WriteFile(own+"/cgroup.procs", []byte(strings.Join(procs, "\n")), 0o600))
	return &cgroups{dir: own + "/" + workerGroup + "w", log: quiet(), write: kernel{t}.write}
}

func TestLimitsOnAFakeTree(t *testing.T) {
	self := strconv.Itoa(os.Getpid())
	t.Run("alone in a group that is handed over", func(t *testing.T) {
		c := fakeGroups(t, "cpuset cpu io memory pids", self)
		own := filepath.Dir(c.dir)
		c.control()
		require.True(t, c.memory && c.cpu, c.lacking)
		require.Equal(t, self, cgroup.Read(own+"/"+cgroup.Self, "procs"), "it has stepped aside, within the group")
		require.ElementsMatch(t, []string{"memory", "cpu"}, fields(own, "subtree_control"))
		g := c.enter("job/1")
		require.NotNil(t, g)
		require.NoError(t, g.fd.Close())
		require.ElementsMatch(t, []string{"memory", "cpu"}, fields(c.dir, "subtree_control"))
		require.True(t, c.limit(g, RunLimits{Memory: 4 << 30, CPUs: 1.5}))
		require.Equal(t, "4294967296", cgroup.Read(g.dir, "memory.max"))
		require.Equal(t, "0", cgroup.Read(g.dir, "memory.swap.max"))
		require.Equal(t, "1", cgroup.Read(g.dir, "memory.oom.group"))
		require.Equal(t, "150000 100000", cgroup.Read(g.dir, "cpu.max"))
		h := c.enter("b")
		require.NoError(t, h.fd.Close())
		require.False(t, c.limit(h, RunLimits{}))
		require.NoFileExists(t, h.dir+"/memory.max")
		require.NoFileExists(t, h.dir+"/cpu.max")
	})
	t.Run("a stranger is in the group too", func(t *testing.T) {
		c := fakeGroups(t, "cpu memory", self, "1")
		c.control()
		require.False(t, c.memory || c.cpu)
		require.Contains(t, c.lacking, "other processes")
		require.Equal(t, self+"\n1", cgroup.Read(filepath.Dir(c.dir), "procs"), "nobody is moved")
		g := c.enter("a")
		require.NoError(t, g.fd.Close())
		require.False(t, c.limit(g, RunLimits{Memory: 1, CPUs: 1}), "another means is needed")
	})
	t.Run("one controller is missing", func(t *testing.T) {
		c := fakeGroups(t, "memory")
		c.control()
		require.True(t, c.memory)
		require.False(t, c.cpu)
		require.NotEmpty(t, c.lacking)
	})
}

func TestTheGroupsOwnCountTellsOutOfMemory(t *testing.T) {
	dir := t.TempDir()
	r := &Run{cgroup: &runGroup{dir: dir}, exec: &Executor{}}
	for _, c := range []struct {
		kills  string
		code   int
		killed bool
		want   bool
	}{{"1", -1, false, true}, {"1", 1, false, true}, {"1", 0, false, false}, {"1", -1, true, false}, {"0", -1, false, false}} {
		require.NoError(t, os.WriteFile(dir+"/memory.events", []byte("low 0\noom 9\noom_kill "+c.kills+"\noom_group_kill 1\n"), 0o600))
		r.exit.Code = c.code
		require.Equal(t, c.want, r.outOfMemory(c.code < 0, c.killed), "%+v", c)
	}
}

// TestMemoryOfARunIsBounded by the means that there is here, which the name of the part tells.
func TestMemoryOfARunIsBounded(t *testing.T) {
	e := newExecutor(t, func(o *Options) { o.Limits = true })
	m := e.Means()
	require.NotEmpty(t, m.Memory)
	const bound = 64 << 20
	start := func(id, script string) (*Run, string) {
		path := filepath.Join(t.TempDir(), "out")
		out, err := os.Create(path)
		require.NoError(t, err)
		defer out.Close()
		r, err := e.Start(t.Context(), Spec{
			RunID: id, Argv: []string{"python3", "-c", script}, Dir: t.TempDir(), Output: out, Limits: RunLimits{Memory: bound},
			Env: append(slices.Clone(plainEnv), "HOME="+os.Getenv("HOME"), "LARGE="+strings.Repeat("x", 100<<10)),
		})
		require.NoError(t, err)
		return r, path
	}
	t.Run("a run that takes less", func(t *testing.T) {
		r, out := start("less", "import os; print(len(os.environ['LARGE']), os.environ['KEDROD_MARKER'], os.getppid(), *sorted(os.listdir('/proc/self/fd')))")
		x := waitExit(t, r)
		got := lines(t, out, 1)
		require.Zero(t, x.Code, got)
		require.Equal(t, []string{strconv.Itoa(100 << 10), e.opts.WorkerID + "/less", strconv.Itoa(os.Getpid()), "0", "1", "2", "3"}, strings.Fields(got[0]), "3 is the folder that is listed")
	})
	t.Run("other limits stay what they are", func(t *testing.T) {
		const script = "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_DATA))"
		r, out := start("limited", script)
		waitExit(t, r)
		plain, free := startArgv(t, e, "free", "python3", "-c", script)
		waitExit(t, plain)
		require.Equal(t, lines(t, free, 1), lines(t, out, 1))
	})
	t.Run("a run that takes more, by "+m.Memory, func(t *testing.T) {
		r, out := start("more", "a = []\nwhile True: a.append(bytearray(1 << 20))")
		x := waitExit(t, r)
		if m.Memory == "cgroup" {
			require.True(t, x.OutOfMemory)
			require.Equal(t, unix.SIGKILL, x.Signal)
			return
		}
		require.Equal(t, 1, x.Code)
		text, err := os.ReadFile(out)
		require.NoError(t, err)
		require.Contains(t, string(text), "MemoryError")
	})
	t.Run("a command that is missing", func(t *testing.T) {
		script := filepath.Join(t.TempDir(), "script")
		require.NoError(t, os.WriteFile(script, []byte("#!/no/such/interpreter\n"), 0o700))
		_, err := e.Start(t.Context(), Spec{RunID: "none", Argv: []string{script}, Env: plainEnv, Limits: RunLimits{Memory: bound}})
		var failed *StartError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, InterpreterNotFound, failed.Kind)
		requireOnlyGuard(t, e)
	})
}
