package cgroup

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// fake makes a tree of files as the kernel would show it below root, with this process in the group.
func fake(t *testing.T, mount, group string, controllers string) (root, dir string) {
	t.Helper()
	root = t.TempDir()
	put := func(path, text string) {
		path = filepath.Join(root, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	put("proc/self/cgroup", "4:memory:/elsewhere\n0::"+group+"\n")
	put("proc/self/mountinfo", "23 1 0:21 / /proc rw - proc none rw\n34 28 0:30 / "+mount+" rw,nosuid shared:9 - cgroup2 none rw\n")
	put(mount+group+"/cgroup.procs", "1\n"+strconv.Itoa(os.Getpid())+"\n")
	put(mount+group+"/cgroup.controllers", controllers)
	return root, root + mount + group
}

func TestOwn(t *testing.T) {
	root, dir := fake(t, "/sys/fs/cgroup", "/system.slice/kedrod", "")
	own, err := Own(root)
	require.NoError(t, err)
	require.Equal(t, dir, own)
	require.True(t, Delegated(own))

	root, dir = fake(t, "/sys/fs/cgroup", "/system.slice/kedrod.service/"+Self, "")
	own, err = Own(root)
	require.NoError(t, err)
	require.Equal(t, filepath.Dir(dir), own, "it has moved itself there")
	require.False(t, Delegated(own), "systemd has not handed it over")

	root, dir = fake(t, "/sys/fs/cgroup", "/a", "")
	require.NoError(t, os.WriteFile(dir+"/cgroup.procs", []byte("1\n"), 0o600))
	_, err = Own(root)
	require.ErrorContains(t, err, "own", "a group that this process is not in is a stranger's")
	_, err = Own(t.TempDir())
	require.Error(t, err)
}

func TestLocate(t *testing.T) {
	for _, c := range []struct{ groups, shown, want string }{
		{"0::/\n", "/", "/sys/fs/cgroup"},
		{"0::/a/b\n", "/", "/sys/fs/cgroup/a/b"},
		{"0::/docker/x/run\n", "/docker/x", "/sys/fs/cgroup/run"},
		{"0::/docker/x\n", "/docker/x", "/sys/fs/cgroup"},
		{"0::/docker/xy\n", "/docker/x", ""},
		{"0::/../other\n", "/", ""},
		{"5:memory:/a\n", "/", ""},
		{"", "/", ""},
	} {
		got, ok := locate(c.groups, "23 1 0:21 / /proc rw - proc none rw\n34 28 0:30 "+c.shown+" /sys/fs/cgroup rw shared:1 - cgroup2 none rw\n")
		require.Equal(t, c.want, got, "%+v", c)
		require.Equal(t, c.want != "", ok)
	}
}

func TestFilesOfAGroup(t *testing.T) {
	dir := t.TempDir()
	require.False(t, Populated(dir))
	require.Error(t, Kill(dir), "a file that is not there is not made")
	require.NoError(t, os.MkdirAll(dir+"/below", 0o755))
	require.NoError(t, os.WriteFile(dir+"/cgroup.events", []byte("populated 1\nfrozen 0\n"), 0o600))
	require.NoError(t, os.WriteFile(dir+"/cgroup.kill", nil, 0o600))
	require.NoError(t, os.WriteFile(dir+"/cgroup.procs", []byte("12\n0\n"), 0o600))
	require.NoError(t, os.WriteFile(dir+"/below/cgroup.procs", []byte("13\nx\n"), 0o600))
	require.True(t, Populated(dir))
	require.NoError(t, Kill(dir))
	require.Equal(t, "1", Read(dir, "kill"))
	require.ElementsMatch(t, []int{12, 13}, PIDs(dir))
	require.NoError(t, Remove(dir+"/none"))
	require.NoError(t, os.MkdirAll(dir+"/empty/a/b", 0o755))
	require.NoError(t, Remove(dir+"/empty"))
	require.NoDirExists(t, dir+"/empty")
}

func FuzzCount(f *testing.F) {
	f.Add("low 0\noom_kill 3\noom_group_kill 1\n", "oom_kill")
	f.Fuzz(func(t *testing.T, text, key string) {
		if n, ok := Count(text, key); ok {
			require.Contains(t, text, key+" ")
			_ = n
		}
	})
}

func FuzzLocate(f *testing.F) {
	f.Add("0::/a\n", "34 28 0:30 / /sys/fs/cgroup rw - cgroup2 none rw\n")
	f.Fuzz(func(t *testing.T, groups, mounts string) {
		if _, ok := locate(groups, mounts); ok {
			path, ok := Path(groups)
			require.True(t, ok)
			require.Equal(t, "/", path[:1])
		}
	})
}
