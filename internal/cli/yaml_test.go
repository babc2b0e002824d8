package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestYAMLBecomesTheSameJSON(t *testing.T) {
	for in, want := range map[string]string{
		"":                       `{}`,
		"a: 1":                   `{"a":1}`,
		"a: 1.10":                `{"a":1.10}`,
		"a: 1e5":                 `{"a":1e5}`,
		"a: 0x10":                `{"a":16}`,
		"a: .5":                  `{"a":0.5}`,
		"a: '1'":                 `{"a":"1"}`,
		"a: yes\nb: True\nc: ~":  `{"a":"yes","b":true,"c":null}`,
		"a: [1, {b: <&>}]":       `{"a":[1,{"b":"<&>"}]}`,
		"a: &x {b: 1}\nc: *x":    `{"a":{"b":1},"c":{"b":1}}`,
		"a: |\n  two\n  lines\n": `{"a":"two\nlines\n"}`,
		"a: 9007199254740993":    `{"a":9007199254740993}`,
	} {
		got, err := yamlToJSON([]byte(in))
		require.NoError(t, err, in)
		require.Equal(t, want, string(got), in)
	}
	for _, in := range []string{"a: .inf", "a: .nan", "a: 2026-11-25", "1: a", "a: 1\na: 2", "a: [", "a: !!binary aGk=", "a: &a [*a]", "<<: {a: 1}",
		"a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n" +
			"d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]"} {
		_, err := yamlToJSON([]byte(in))
		require.Error(t, err, in)
	}
}

func FuzzYAML(f *testing.F) {
	for _, seed := range []string{"a: 1", "a: [1, .5, 0x10, 1_000, 0o7]", "a: &a [*a]", "a: 2026-11-25", "? x\n: y", "a: !!int '7'", "--- |\n x"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := yamlToJSON(in)
		if err == nil {
			require.True(t, json.Valid(got), "%q gave %q", in, got)
		}
	})
}

func FuzzParam(f *testing.F) {
	for _, seed := range []string{"a=1", "a.b=[1]", "a=x", "=", "a..b=1", `a={"b":1}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, written string) {
		a := Program{Streams: Streams{}, Terminal: nil}.app([]string{"submit", "-p", written})
		var p parameters
		if err := a.param(&p, written); err != nil {
			require.Equal(t, exitUsage, exitCode(err))
			return
		}
		got, err := p.json()
		require.NoError(t, err)
		require.True(t, json.Valid(got))
		_, value, _ := strings.Cut(written, "=")
		require.NotEmpty(t, value)
	})
}
