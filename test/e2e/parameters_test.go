package e2e

import (
	"bytes"
	"encoding/json"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
)

// nasty are values that YAML, OmegaConf, Kedro's --params or JSON readers change. The
// texts are JSON as it is sent.
var nasty = map[string]string{
	"looks octal": `"010"`, "looks sexagesimal": `"1:30"`, "looks true": `"yes"`, "looks false": `"off"`, "looks null": `"null"`, "tilde": `"~"`,
	"looks like a float": `"1e5"`, "looks infinite": `".inf"`, "looks like a date": `"2026-11-25"`, "time": `"2026-11-25T01:02:03Z"`, "base 16": `"0x1F"`,
	"float": `1e5`, "small": `1e-7`, "whole float": `1.0`, "minus nothing": `-0.0`, "nothing": `0`, "precise": `0.1234567890123456789`, "largest": `1.7976931348623157e308`,
	"tiny": `5e-324`, "int": `1`, "beyond 63 bits": `9223372036854775808`, "beyond 64 bits": `-123456789012345678901234567890123456789012345678901234567890`,
	"beyond 53 bits": `9007199254740993`, "true": `true`, "false": `false`, "null": `null`,
	"empty": `""`, "blank": `" "`, "blanks around": `"  x  "`, "commas": `"a,b=2"`, "missing": `"???"`, "comment": `"x # c"`, "at": `"@x"`, "quote": `"\"q"`,
	"apostrophe": `"it's"`, "bracket": `"[1"`, "brace": `"{a: b}"`, "colon": `"a: b"`, "dash": `"- a"`, "percent": `"%a"`, "pipe": `"| a"`, "anchor": `"&a *a"`,
	"tag": `"!!python/object:os.system x"`, "document": `"---\na\n...\n"`, "merge": `"<<"`, "lines": `"a\nb\r\nc\rd\ttab"`, "trailing line": `"a\n\n"`,
	"emoji": `"😀 🏳️‍🌈"`, "written as escapes": `"\ud83d\ude00"`, "NUL": `"a\u0000b"`, "DEL": `"a\u007fb"`, "raw DEL": "\"a\x7fb\"", "next line": `"a\u0085b"`, "raw next line": "\"a\u0085b\"",
	"controls": `"\u0001\u0008\u001b\u001f\u009f"`, "separators": `"\u2028\u2029"`, "byte order": `"\ufeffx"`, "no character": `"\ufffe\uffff"`, "private": `"\ue000\udbff\udfff"`,
	"right to left": `"אבג \u202e"`, "combining": `"e\u0301 é"`, "backslash": `"C:\\new\\table"`, "slash": `"a\/b"`,
	"interpolation": `"${x}"`, "of another": `"${secret}"`, "environment": `"${oc.env:HOME}"`, "escaped": `"\\${x}"`, "twice escaped": `"\\\\${x}"`, "in the middle": `"a ${secret} b ${"`,
	"open": `"${"`, "dollars": `"$$ $x $(x) {} {{ x }}"`, "percent style": `"%(x)s"`, "resolver": `"${runtime_params:x}${globals:x}"`,
	"object": `{"a": {"b": {"c": [1, [2, [3, {"d": null}]]]}}, "empty": {}, "list": []}`, "list": `[1, "1", 1.0, true, null, [], {}, "${x}"]`,
	"keys":            `{"a.b": 1, "a[0]": 2, "a:b": 3, "a=b": 4, "a b": 5, "1": 6, "yes": 7, "": 8, "~": 9, "null": 10, "${x}": 11, "é😀": 12, "\u0085": 13, "<<": 14, "- ": 15, "a#b": 16, "a\nb": 17, "\\${x}": 18}`,
	"numbers as keys": `{"1.5": 1, "1e3": 2, "0x10": 3, "true": 4, ".inf": 5, "2026-11-25": 6}`,
}

// TestParametersReachTheNodes sends each value as it stands, and reads what the node
// got from a file that the node wrote.
func TestParametersReachTheNodes(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	var fields []string
	for name, value := range nasty {
		key, err := json.Marshal(name)
		require.NoError(t, err)
		fields = append(fields, string(key)+": "+value)
	}
	sort.Strings(fields)
	sent := "{" + strings.Join(fields, ",\n") + `, "long": "` + strings.Repeat("0123456789 ä ", 20_000) + `", "digits": ` + strings.Repeat("9", 4000) + "}"
	path := filepath.Join(t.TempDir(), "echo.json")
	body := `{"pipeline_name": "echo", "parameters": {"echo": ` + sent + `, "echo_path": ` + string(asJSON(t, path)) + `}}`

	status, answer := s.call(t, http.MethodPost, "/api/v1/jobs", body)
	require.Equal(t, http.StatusCreated, status, answer)
	var accepted client.Job
	require.NoError(t, json.Unmarshal([]byte(answer), &accepted))
	job := s.end(t, accepted.ID)
	require.Equal(t, "completed", job.Status, explain(job))

	got, err := os.ReadFile(path)
	require.NoError(t, err)
	want := decode(t, sent).(map[string]any)
	found := decode(t, string(got)).(map[string]any)
	for name := range want {
		requireSameValue(t, want[name], found[name], name)
	}
	require.Len(t, found, len(want))

	var kept struct{ Echo json.RawMessage }
	require.NoError(t, json.Unmarshal(job.Parameters, &kept))
	requireSameValue(t, decode(t, sent), decode(t, string(kept.Echo)), "the job's own parameters")
}

// TestParametersMerge as Kedro merges: objects at every depth, a list replaces a list.
func TestParametersMerge(t *testing.T) {
	t.Parallel()
	dir := project(t, "wine")
	s := serve(t, setup{projects: []string{dir}})
	sent := `{"experiment": {"seeds": [9], "features": {"weights": {"alcohol": "${x}"}}, "notes": {"a.b": 1}, "extra": null}}`
	job := s.end(t, s.send(t, client.Submission{PipelineName: "parameters", Parameters: json.RawMessage(sent)}).ID)
	require.Equal(t, "completed", job.Status, explain(job))
	got, err := os.ReadFile(filepath.Join(dir, "data", "08_reporting", "experiment.json"))
	require.NoError(t, err)
	require.JSONEq(t, `{
		"name": "baseline", "description": null, "learning_rate": 0.001, "seeds": [9],
		"stages": [
			{"name": "warm-up", "epochs": 2, "schedule": {"kind": "linear", "from": 0.0, "to": 0.1}},
			{"name": "main", "epochs": 20, "schedule": {"kind": "cosine", "from": 0.1, "to": 1.0e-5}}
		],
		"features": {"alcohol": true, "proline": false, "weights": {"alcohol": "${x}", "rest": [0.1, 0.2, null]}},
		"tags": [], "notes": {"a.b": 1}, "extra": null
	}`, string(got))
}

// TestParametersThatNoNodeCouldGet are refused by the field's name.
func TestParametersThatNoNodeCouldGet(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	for _, c := range []struct{ sent, field string }{
		{`{"a": {"b": 1e400}}`, "parameters.a.b"},
		{`{"a": {"b": 1, "b": 2}}`, "parameters.a.b"},
		{`{"a": "\ud83d"}`, "parameters.a"},
		{`{"a": ` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`, "parameters.a"},
		{`[]`, "parameters"},
	} {
		status, p := s.post(t, "/api/v1/jobs", `{"pipeline_name": "echo", "parameters": `+c.sent+`}`)
		require.Equal(t, http.StatusUnprocessableEntity, status, "%.60s: %+v", c.sent, p)
		require.NotEmpty(t, p.Errors, "%.60s", c.sent)
		require.Contains(t, p.Errors[0].Field, c.field)
	}
}

func decode(t *testing.T, text string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	require.NoError(t, d.Decode(&v))
	return v
}

// requireSameValue compares two values: numbers by value and by kind, since Python
// tells 1 from 1.0, whatever they are written like.
func requireSameValue(t *testing.T, want, got any, at string) {
	t.Helper()
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		require.True(t, ok, "%s: %v", at, got)
		require.Len(t, g, len(w), at)
		for key := range w {
			require.Contains(t, g, key, at)
			requireSameValue(t, w[key], g[key], at+" / "+key)
		}
	case []any:
		g, ok := got.([]any)
		require.True(t, ok, "%s: %v", at, got)
		require.Len(t, g, len(w), at)
		for i := range w {
			requireSameValue(t, w[i], g[i], at)
		}
	case json.Number:
		g, ok := got.(json.Number)
		require.True(t, ok, "%s: sent %v, got %v", at, want, got)
		isFloat := func(n json.Number) bool { return strings.ContainsAny(n.String(), ".eE") }
		require.Equal(t, isFloat(w), isFloat(g), "%s: sent %s, got %s", at, w, g)
		if isFloat(w) {
			a, err := w.Float64()
			require.NoError(t, err, at)
			b, err := g.Float64()
			require.NoError(t, err, at)
			require.True(t, bytes.Equal(asJSON(t, a), asJSON(t, b)), "%s: sent %s, got %s", at, w, g)
			return
		}
		a, _ := new(big.Int).SetString(w.String(), 10)
		b, _ := new(big.Int).SetString(g.String(), 10)
		require.Zero(t, a.Cmp(b), "%s: sent %s, got %s", at, w, g)
	default:
		require.Equal(t, want, got, at)
	}
}
