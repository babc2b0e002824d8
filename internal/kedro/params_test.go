package kedro

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kedrod/kedrod/internal/fault"
)

func fieldOf(t *testing.T, err error) string {
	t.Helper()
	var fe *fault.Error
	require.ErrorAs(t, err, &fe)
	require.Len(t, fe.Fields, 1)
	return fe.Fields[0].Field
}

func TestParametersThatAreRefusedByName(t *testing.T) {
	for _, c := range []struct{ raw, field string }{
		{`[1]`, "parameters"},
		{`"x"`, "parameters"},
		{`{"a": NaN}`, "parameters"},
		{`{"a": Infinity}`, "parameters"},
		{`{"a": 1}{"b": 2}`, "parameters"},
		{`{"a": 1, "a": 1}`, "parameters.a"},
		{`{"a": {"b": [0, {"c": 1, "\u0063": 2}]}}`, "parameters.a.b[1].c"},
		{`{"a": "\ud800"}`, "parameters.a"},
		{`{"a": "\udc00\ud800"}`, "parameters.a"},
		{`{"a": "\ud800\u0041"}`, "parameters.a"},
		{`{"\udfff": 1}`, "parameters"},
		{"{\"a\": \"\xff\"}", "parameters.a"},
		{`{"a": [1, 1e400]}`, "parameters.a[1]"},
		{`{"a": ` + strings.Repeat("9", 4001) + `}`, "parameters.a"},
		{`{"a": ` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, "parameters.a" + strings.Repeat("[0]", 62) + "…"},
	} {
		_, err := encodeParameters(json.RawMessage(c.raw), true)
		require.Error(t, err, c.raw)
		got := fieldOf(t, err)
		if strings.HasSuffix(c.field, "…") {
			require.Contains(t, got, "parameters.a[0]")
			continue
		}
		require.Equal(t, c.field, got, c.raw)
	}
	_, err := encodeParameters(json.RawMessage(`{"`+strings.Repeat("k", 2000)+`": 1}`), true)
	require.ErrorContains(t, err, "more than 1000 characters")
	_, err = encodeParameters(json.RawMessage(`{"x": {"y": ["a ${secret}"]}}`), false)
	require.Equal(t, "parameters.x.y[0]", fieldOf(t, err))
}

func TestInterpolationIsEscaped(t *testing.T) {
	for in, want := range map[string]string{
		`{"a": "${b}"}`:         `{"a": "\\${b}"}`,
		`{"a": "\\${b}"}`:       `{"a": "\\\\\\${b}"}`,
		`{"a": "\\ ${b} \\\\"}`: `{"a": "\\ \\${b} \\\\"}`,
		`{"a": "$ $$ {} $"}`:    `{"a": "$ $$ {} $"}`,
		`{"${b}": 1}`:           `{"${b}": 1}`,
	} {
		got, err := encodeParameters(json.RawMessage(in), true)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
}

// echo sends parameters through the real Kedro and gives what its node got.
func echo(t *testing.T, project Project, value json.RawMessage) json.RawMessage {
	t.Helper()
	file := filepath.Join(t.TempDir(), "echo.json")
	path, err := json.Marshal(file)
	require.NoError(t, err)
	raw := append(append([]byte(`{"echo_path": `), path...), []byte(`, "echo": {"value": `)...)
	raw = append(append(raw, value...), []byte(`}}`)...)
	run := runReal(t, runSetup{project: project, options: RunOptions{Pipeline: "echo", Parameters: raw}, noHook: true})
	require.Zero(t, run.Exit.Code, "%s", run.Log)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var out struct{ Value json.RawMessage }
	require.NoError(t, json.Unmarshal(text, &out))
	return out.Value
}

// equalJSON compares values: integers in full, floats as floats, and never one with
// the other.
func equalJSON(t *testing.T, want, got json.RawMessage) {
	t.Helper()
	decode := func(raw []byte) any {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		var v any
		require.NoError(t, d.Decode(&v))
		return canonical(v)
	}
	require.Equal(t, decode(want), decode(got))
}

func canonical(v any) any {
	switch x := v.(type) {
	case json.Number:
		if strings.ContainsAny(x.String(), ".eE") {
			f, _ := strconv.ParseFloat(x.String(), 64)
			return f
		}
		n, _ := new(big.Int).SetString(x.String(), 10)
		return "integer " + n.String()
	case []any:
		for i := range x {
			x[i] = canonical(x[i])
		}
	case map[string]any:
		for k := range x {
			x[k] = canonical(x[k])
		}
	}
	return v
}

// TestParametersReachTheNodeValueForValue: known traps of YAML, OmegaConf and click.
func TestParametersReachTheNodeValueForValue(t *testing.T) {
	project := copyProject(t, "minimal")
	var traps []any
	for _, s := range []string{
		"", " ", "010", "1:30", "1_000", "yes", "no", "null", "~", "true", "1e5", ".5", "0x1F", "0o17", "a,b=2", "x # c", "# c", "???", "2026-11-25", "<<", "=",
		"- a", "{a: b}", "[1", "@x", "\"q", "'q", "&a", "*a", "!tag", "%d", "|", ">", "a: b", "a:b", "line\nline", "\ttab\r\n", "\x00nul", "\x1b[1m", "\x7f",
		"\u0080\u0085\u009f\u00a0", "\u2028\u2029", "\ufeff", "\ufffe\uffff", "😀 \U0010ffff", "ß é 漢字", "${secret}", "x ${secret} y", "${nope}", "${", "${oc.env:HOME}",
		`\${secret}`, `\\${secret}`, `\\\${secret}`, `C:\dir\${x}`, `\`, `\\`, "$", "$$", "${${secret}}", "a ${b} \\${c}", `\$`, "{}", "}", strings.Repeat("long ", 40000),
	} {
		traps = append(traps, s)
	}
	keys := map[string]any{}
	for _, k := range []string{"", "a.b", "a[0]", "a=b", "a:b", "1", "true", "null", "${secret}", "<<", "=", "é", "\u0085", "😀", "a b", "-", "? x", strings.Repeat("k", 990)} {
		keys[k] = k + "!"
	}
	raw, err := json.Marshal(map[string]any{"strings": traps, "keys": keys, "empty": []any{map[string]any{}, []any{}, nil, true, false}})
	require.NoError(t, err)
	numbers := `[0, -0, -1, 1.0, -0.0, 1e5, 1E5, 1e+5, 1e-7, 1.5E-7, 0.1, 1e22, 123456789012345678901234567890, 5e-324, 1.7976931348623157e308, 0e0, ` + strings.Repeat("9", 4000) + `]`
	deep := strings.Repeat(`[`, 30) + strings.Repeat(`{"d": `, 31) + `1` + strings.Repeat(`}`, 31) + strings.Repeat(`]`, 30)
	value := json.RawMessage(fmt.Sprintf(`{"all": %s, "numbers": %s, "deep": %s}`, raw, numbers, deep))
	equalJSON(t, value, echo(t, project, value))
}

// TestAnyParametersReachTheNode sends many generated values through one run.
func TestAnyParametersReachTheNode(t *testing.T) {
	text := rapid.StringOf(rapid.OneOf(
		rapid.Rune(), rapid.RuneFrom([]rune("${}\\:#'\",[]&*!|>%@`-?~ \n\t\u0085\u2028\x00\x7f")),
	)).Filter(func(s string) bool { return len(s) < 900/6 })
	var value *rapid.Generator[any]
	value = rapid.Deferred(func() *rapid.Generator[any] {
		return rapid.OneOf(
			rapid.Map(text, func(s string) any { return s }),
			rapid.Map(rapid.Int64(), func(n int64) any { return n }),
			rapid.Map(rapid.Float64(), func(f float64) any { return f }),
			rapid.Map(rapid.Bool(), func(b bool) any { return b }),
			rapid.Just[any](nil),
			rapid.Map(rapid.SliceOfN(value, 0, 4), func(l []any) any { return l }),
			rapid.Map(rapid.MapOfN(text, value, 0, 4), func(m map[string]any) any { return m }),
		)
	})
	var all []any
	for seed := range 300 {
		all = append(all, value.Example(seed))
	}
	raw, err := json.Marshal(all)
	require.NoError(t, err)
	equalJSON(t, raw, echo(t, copyProject(t, "minimal"), raw))
}

// TestEncodedParametersAreTheSameJSON: 0.18 reads the file as JSON, and then the
// only difference is the backslash before "${".
func TestEncodedParametersAreTheSameJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := map[string]string{rapid.String().Draw(t, "key"): strings.ReplaceAll(rapid.String().Draw(t, "value"), "${", "")}
		raw, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		out, err := encodeParameters(raw, false)
		if err != nil {
			t.Fatal(err)
		}
		var back map[string]string
		if err := json.Unmarshal(out, &back); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for k, v := range in {
			if back[k] != v {
				t.Fatalf("%q became %q", v, back[k])
			}
		}
	})
}

func FuzzEncodeParameters(f *testing.F) {
	for _, s := range []string{`{}`, `{"a": "\ud83d\ude00"}`, `{"a": [1e5, null, "${x}"]}`, `{"a"`, `{"a": 1, "a": 2}`, "", "{\"\x00\": 1}"} {
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, raw []byte, escape bool) {
		out, err := encodeParameters(raw, escape)
		if err == nil && !json.Valid(out) {
			t.Fatalf("%q became %q", raw, out)
		}
	})
}
