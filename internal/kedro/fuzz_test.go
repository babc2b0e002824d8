package kedro

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
)

// FuzzParseVersion: what is known is written as it was read.
func FuzzParseVersion(f *testing.F) {
	for _, seed := range []string{"1.7.0", "0.18.14", "1.0.0rc1", "1", "1..2", "99999999999999999999.0.0", "-1.0.0", "1.7.0.dev1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v := ParseVersion(text)
		require.True(t, v.Major >= 0 && v.Minor >= 0 && v.Patch >= 0)
		if v.Known() {
			require.Equal(t, v, ParseVersion(v.String()))
			require.True(t, v.AtLeast(v.Major, v.Minor))
			require.False(t, v.AtLeast(v.Major+1, 0))
		}
	})
}

// FuzzParseReport: the helper runs in the project's own interpreter, so its file may
// hold anything; a registry of it can be kept and asked.
func FuzzParseReport(f *testing.F) {
	for _, seed := range []string{
		`{"kedro": "1.7.0", "pipelines": {"a": {"nodes": [{"name": "x", "after": ["y"]}]}}, "datasets": {"d": {"type": null}}}`,
		`{"pipelines": {"a": null}, "parameters": {"p": {"default": 1e999}}}`, `{"error": {"stage": "import", "exception": {"type": "X"}}}`, `[]`, `null`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parseReport(text)
		if err != nil {
			return
		}
		registry := r.registry(Project{Path: "/p"}, time.Unix(0, 0))
		require.Len(t, registry.Names(), len(r.Pipelines))
		var found Inspection
		Inspector{}.judge(&found, r)
		dir := t.TempDir()
		in := Inspector{}
		require.NoError(t, writeCache(dir, in, registry, "f"))
		kept, ok := readCache(dir, in)
		require.True(t, ok)
		want, err := json.Marshal(registry)
		require.NoError(t, err)
		got, err := json.Marshal(kept.Registry)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got))
	})
}

// FuzzReadCache: a cache that is not as we wrote it is none.
func FuzzReadCache(f *testing.F) {
	for _, seed := range []string{`{"format": 1, "registry": {}}`, `{"format": 1, "registry": {"pipelines": [null]}}`, `{`, "\x00"} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		require.NoError(t, os.WriteFile(cachePath(dir, Inspector{}), text, 0o600))
		if c, ok := readCache(dir, Inspector{}); ok {
			require.True(t, json.Valid(text))
			require.Equal(t, cacheFormat, c.Format)
			c.Registry.Names()
		}
	})
}

// FuzzReadProject: a pyproject.toml is a project of a name that fits into paths, or
// refused with what to do.
func FuzzReadProject(f *testing.F) {
	for _, seed := range []string{
		"[tool.kedro]\npackage_name = \"a\"\nproject_name = \"A B\"\nkedro_init_version = \"1.7.0\"\nsource_dir = \".\"\n",
		"[tool.kedro]\npackage_name = 1\n", "[project]\nname = \"../x\"\n[tool.kedro]\npackage_name = \"a\"\nproject_name = \"\\u0000\"\nkedro_init_version = \"1\"\nsource_dir = \".\"",
		"[[tool]]\n", "a.b.c.d = 1\n",
	} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "pyproject.toml"), text, 0o600))
		p, err := readProject(dir)
		if err != nil {
			var refused *fault.Error
			require.ErrorAs(t, err, &refused)
			return
		}
		require.Regexp(t, `^[a-z0-9_.-]+$`, p.Name)
		require.NotContains(t, []string{".", ".."}, p.Name)
	})
}

// FuzzEnvUses: names are names, and none stands in a comment.
func FuzzEnvUses(f *testing.F) {
	for _, seed := range []string{"a: ${oc.env:B}", "a: ${ oc.env : B , x}", "# ${oc.env:C}", "${oc.env:${oc.env:D}}", "\xff${oc.env:E}"} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	require.NoError(f, os.Mkdir(filepath.Join(dir, "conf"), 0o700))
	f.Fuzz(func(t *testing.T, text []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "conf", "x.yml"), text, 0o600))
		uses, err := EnvUses(Project{Path: dir})
		require.NoError(t, err)
		for _, use := range uses {
			require.Regexp(t, `^[A-Za-z_][A-Za-z0-9_]*$`, use.Name)
			require.Contains(t, string(text), use.Name)
			require.Equal(t, "conf/x.yml", use.File)
		}
	})
}

// FuzzSplitNames: nothing but commas and blanks at the ends is lost, and what has no
// brackets is split at every comma.
func FuzzSplitNames(f *testing.F) {
	for _, seed := range []string{"a, b", "f([a,b]) -> [c], d", "]],a", "[,a", ",,", "é,[é,é]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		names := splitNames(s)
		at := 0
		for _, name := range names {
			require.Equal(t, strings.TrimSpace(name), name)
			require.NotEmpty(t, name)
			i := strings.Index(s[at:], name)
			require.GreaterOrEqual(t, i, 0)
			at += i + len(name)
		}
		if !strings.ContainsAny(s, "[]") {
			var want []string
			for _, name := range strings.Split(s, ",") {
				if name = strings.TrimSpace(name); name != "" {
					want = append(want, name)
				}
			}
			require.Equal(t, want, names)
		}
	})
}
