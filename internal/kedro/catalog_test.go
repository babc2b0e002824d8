package kedro

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func inspector(t *testing.T, p Project) Inspector {
	t.Helper()
	return Inspector{
		Project: p, Python: realPython(t), Helpers: unpacked(t), Runner: execRunner{}, TempDir: t.TempDir(), Limit: time.Minute,
		Env: func() ([]string, error) { return HelperEnvironment(os.Environ(), EnvPolicy{}, "") },
	}
}

func TestInspectARealProject(t *testing.T) {
	found, err := inspector(t, copyProject(t, "minimal")).Inspect(t.Context())
	require.NoError(t, err)
	require.Empty(t, found.Findings)
	r := found.Registry
	require.Nil(t, r.Error)
	require.Contains(t, r.Names(), "__default__")
	require.True(t, r.NeedsFull(), "its pipelines have no folders")
	p, ok := r.Pipeline("sum")
	require.True(t, ok)
	require.Equal(t, []Edge{{From: "make", To: "add"}}, p.Edges)
	require.Equal(t, []string{"total"}, p.Outputs)
	require.Equal(t, []string{"params:count"}, p.Parameters)
	require.Equal(t, PipelineNode{
		Name: "add", Inputs: []string{"values"}, Outputs: []string{"total"}, Tags: []string{"second"}, Func: "minimal.nodes.total", After: []string{"make"},
	}, p.Nodes[1])
	require.True(t, r.Datasets["kept_versions"].Versioned)
	require.Equal(t, "data/total.json", *r.Datasets["total"].Filepath)
	require.JSONEq(t, "4", string(r.Parameters["count"].Default))
}

func TestFindingsSayWhatToDo(t *testing.T) {
	script := func(text string) Python {
		path := filepath.Join(t.TempDir(), "python")
		require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755))
		return Python{Path: path}
	}
	for _, c := range []struct {
		name    string
		project string
		change  func(*Inspector)
		code    string
		stops   bool
		message string
		fix     string
	}{
		{"import error", "broken", func(*Inspector) {}, "import", true, "ModuleNotFoundError: No module named 'a_module_that_nobody_has'", "-m pip install a_module_that_nobody_has"},
		{"another major version", "minimal", func(in *Inspector) {
			file := filepath.Join(in.Project.Path, "pyproject.toml")
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), "1.7.0", "0.19.15", 1)), 0o600))
			in.Project.InitVersion = "0.19.15"
		}, "other_major", true, "made for Kedro 0.19.15", "-m pip install 'kedro~=0.19'"},
		{"no Kedro", "minimal", func(in *Inspector) { in.Python = bare(t) }, "no_kedro", true, "Kedro is not installed in", "-m pip install 'kedro~=1.7.0'"},
		{"a program that does nothing", "minimal", func(in *Inspector) { in.Python = script("exit 0") }, "no_report", false, "did nothing", "import kedro"},
		{"a program that complains", "minimal", func(in *Inspector) { in.Python = script("echo oh no >&2; exit 3") }, "no_report", false, "exit code 3: oh no", "import kedro"},
		{"no program", "minimal", func(in *Inspector) { in.Python.Path = "/does/not/exist" }, "interpreter", true, "can't be started", "--python"},
		{"too slow", "minimal", func(in *Inspector) { in.Python, in.Limit = script("exec sleep 30"), 50*time.Millisecond }, "no_report", false, "longer than 50ms", "imported"},
		{"broken configuration", "minimal", func(in *Inspector) {
			require.NoError(t, os.WriteFile(filepath.Join(in.Project.Path, "conf", "base", "catalog.yml"), []byte("a: [\n"), 0o600))
		}, "configuration", false, "ParserError", "conf/"},
		{"syntax error", "minimal", func(in *Inspector) {
			require.NoError(t, os.WriteFile(filepath.Join(in.Project.SourceDir, "minimal", "nodes.py"), []byte("def broken(:\n"), 0o600))
		}, "registry", true, "SyntaxError", "traceback"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := inspector(t, copyProject(t, c.project))
			c.change(&in)
			found, err := in.Inspect(t.Context())
			require.NoError(t, err)
			require.Len(t, found.Findings, 1)
			f := found.Findings[0]
			require.Equal(t, c.code, f.Code, "%+v", f)
			require.Equal(t, c.stops, f.Stops)
			require.Contains(t, f.Message, c.message)
			require.Contains(t, f.Fix, c.fix)
			require.NotNil(t, found.Registry.Error)
		})
	}
}

// bare is a Python without Kedro: the one our environment was made from, cut off
// from its packages.
func bare(t *testing.T) Python {
	t.Helper()
	path := filepath.Join(t.TempDir(), "python")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\nexec '"+realPython(t).Path+"' -S \"$@\"\n"), 0o755))
	return Python{Path: path}
}

// fakeRunner answers as the helper would, without Python.
type fakeRunner struct {
	report atomic.Pointer[string]
	runs   atomic.Int32
	gate   chan struct{} // each run takes one, if set
}

func (f *fakeRunner) Output(ctx context.Context, c Command) (Result, error) {
	f.runs.Add(1)
	if f.gate != nil {
		select {
		case <-f.gate:
		case <-ctx.Done():
			return Result{}, ctx.Err()
		}
	}
	if text := f.report.Load(); text != nil {
		return Result{}, os.WriteFile(c.Argv[2], []byte(*text), 0o600)
	}
	return Result{}, errors.New("no such file")
}

func (f *fakeRunner) set(pipelines ...string) {
	var b strings.Builder
	for i, p := range pipelines {
		b.WriteString([]string{"", ", "}[min(i, 1)] + `"` + p + `": {"nodes": []}`)
	}
	text := `{"python": "3.11.7", "kedro": "1.7.0", "path": [], "pipelines": {` + b.String() + `}}`
	f.report.Store(&text)
}

func newTestCatalog(t *testing.T, change func(*CatalogOptions)) (*Catalog, *fakeRunner, Project) {
	t.Helper()
	p := copyProject(t, "minimal")
	runner := &fakeRunner{}
	runner.set("train", "report")
	opts := CatalogOptions{
		Inspector: Inspector{
			Project: p, Python: Python{Path: "/python"}, Helpers: Helpers{Registry: "/registry.py"}, Runner: runner, TempDir: t.TempDir(),
			Env: func() ([]string, error) { return nil, nil },
		},
		CacheDir: t.TempDir(), Interval: time.Millisecond,
	}
	if change != nil {
		change(&opts)
	}
	return NewCatalog(opts), runner, p
}

// running starts c.Run and stops it with the test.
func running(t *testing.T, c *Catalog) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = c.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

func touch(t *testing.T, p Project, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(p.SourceDir, "minimal", "new.py"), []byte(text), 0o600))
}

func eventually(t *testing.T, what func() bool, message string) {
	t.Helper()
	require.Eventually(t, what, 10*time.Second, 2*time.Millisecond, message)
}

func TestCatalogFollowsTheSources(t *testing.T) {
	c, runner, p := newTestCatalog(t, nil)
	_, known := c.Snapshot()
	require.False(t, known)
	_, refuse := c.Refuses("trian")
	require.False(t, refuse, "nothing is refused before the registry is known")
	require.True(t, c.FullRegistry())
	running(t, c)
	eventually(t, c.Current, "first load")
	near, refuse := c.Refuses("trian")
	require.True(t, refuse)
	require.Equal(t, []string{"train"}, near)
	_, refuse = c.Refuses("train")
	require.False(t, refuse)
	first, _ := c.Snapshot()
	require.NotEmpty(t, first.SourceHash)

	runner.set("train", "trian")
	touch(t, p, "x = 1\n")
	eventually(t, func() bool { return c.Known("trian") && c.Current() }, "the change is seen")
	second, _ := c.Snapshot()
	require.NotEqual(t, first.SourceHash, second.SourceHash)

	runner.report.Store(nil)
	touch(t, p, "x = 22\n")
	eventually(t, func() bool { r, _ := c.Snapshot(); return r.Error != nil }, "the failure is seen")
	require.True(t, c.Known("train"), "the last good registry is served")
	require.False(t, c.Current())
	_, refuse = c.Refuses("nope")
	require.False(t, refuse, "a broken project refuses nothing")
	require.Len(t, c.Findings(), 1)
	require.False(t, c.FullRegistry())
}

func TestCatalogNeverRefusesWhatWasJustAdded(t *testing.T) {
	c, runner, p := newTestCatalog(t, func(o *CatalogOptions) { o.Interval = time.Hour })
	_, err := c.Refresh(t.Context())
	require.NoError(t, err)
	runner.set("train", "brand_new")
	touch(t, p, "x = 1\n")
	_, refuse := c.Refuses("brand_new")
	require.False(t, refuse, "the sources have changed since")
}

func TestDynamicProjectsRefuseNothing(t *testing.T) {
	c, _, _ := newTestCatalog(t, func(o *CatalogOptions) { o.Dynamic = true })
	_, err := c.Refresh(t.Context())
	require.NoError(t, err)
	require.True(t, c.Current())
	_, refuse := c.Refuses("nope")
	require.False(t, refuse)
}

func TestCatalogIsCachedOnDisk(t *testing.T) {
	var opts CatalogOptions
	c, runner, p := newTestCatalog(t, func(o *CatalogOptions) { opts = *o })
	opts.Inspector.Runner, opts.Inspector.Project = runner, p
	_, err := c.Refresh(t.Context())
	require.NoError(t, err)
	runs := runner.runs.Load()

	again := NewCatalog(opts)
	require.True(t, again.Known("train"))
	require.False(t, again.Current(), "not before the sources were looked at")
	running(t, again)
	eventually(t, again.Current, "the cache is of these sources")
	require.Equal(t, runs, runner.runs.Load(), "Python was not started")

	other := opts
	other.Inspector.Python.Path = "/other/python"
	_, known := NewCatalog(other).Snapshot()
	require.False(t, known, "another interpreter, another registry")
	require.NoError(t, os.WriteFile(cachePath(opts.CacheDir, opts.Inspector), []byte("{damaged"), 0o600))
	_, known = NewCatalog(opts).Snapshot()
	require.False(t, known)
}

func TestRefreshesShareALoad(t *testing.T) {
	c, runner, _ := newTestCatalog(t, nil)
	runner.gate = make(chan struct{}, 100)
	var wait sync.WaitGroup
	begin := func(n int) {
		for range n {
			wait.Add(1)
			go func() {
				defer wait.Done()
				if _, err := c.Refresh(t.Context()); err != nil {
					t.Error(err)
				}
			}()
		}
	}
	begin(1)
	eventually(t, func() bool { return runner.runs.Load() == 1 }, "the first load has begun")
	begin(9)
	eventually(t, func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.requested == 10 }, "nine wait")
	for range 20 {
		runner.gate <- struct{}{}
	}
	wait.Wait()
	require.EqualValues(t, 2, runner.runs.Load(), "those that came during the first share the second")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Refresh(ctx)
	require.ErrorIs(t, err, context.Canceled)
}

func TestSourcesLeaveDataOut(t *testing.T) {
	p := copyProject(t, "minimal")
	before, print := sourceHash(p, nil), fingerprint(p, nil)
	write(t, filepath.Join(p.Path, "data", "x.csv"), "1")
	write(t, filepath.Join(p.SourceDir, "minimal", "__pycache__", "x.pyc"), "1")
	write(t, filepath.Join(p.Path, "logs", "info.log"), "1")
	require.Equal(t, before, sourceHash(p, nil))
	require.Equal(t, print, fingerprint(p, nil))
	for _, name := range []string{".env", "conf/base/more.yml", "src/minimal/more.py", "pyproject.toml"} {
		write(t, filepath.Join(p.Path, name), "changed")
		require.NotEqual(t, before, sourceHash(p, nil), name)
		require.NotEqual(t, print, fingerprint(p, nil), name)
		before, print = sourceHash(p, nil), fingerprint(p, nil)
	}
	site := t.TempDir()
	before = sourceHash(p, []string{site})
	write(t, filepath.Join(site, "pandas-3.0.dist-info", "METADATA"), "")
	require.NotEqual(t, before, sourceHash(p, []string{site}), "a package was installed")
}
