package kedro

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
)

func TestRunConfigByVersion(t *testing.T) {
	yes, no := true, false
	all := RunOptions{
		Pipeline: "train", Tags: []string{"a", "b"}, NodeNames: []string{"n1", "f([x,y]) -> [z]"}, FromNodes: []string{"n1"}, ToNodes: []string{"n2"},
		FromInputs: []string{"i1", "i2"}, ToOutputs: []string{"o"}, LoadVersions: map[string]string{"m": "2026-01-01T00.00.00.000Z", "a": "v"},
		Env: "prod", ConfSource: "conf.tar.gz", Runner: "ThreadRunner", IsAsync: &yes, Parameters: json.RawMessage(`{"a": {"b": 1.0}}`),
	}
	newest := all
	newest.PipelineNames, newest.Pipeline = []string{"train", "report"}, ""
	newest.Namespaces = []string{"x", "y"}
	newest.RunnerParams = json.RawMessage(`{"max_workers": 2}`)
	newest.OnlyMissingOutputs = &yes
	old := all
	old.Namespaces = []string{"x"}
	common := `"from_nodes": "n1", "to_nodes": "n2", "from_inputs": "i1,i2", "to_outputs": "o", "tags": "a,b"`
	tail := `"load_versions": "a:v,m:2026-01-01T00.00.00.000Z", "env": "prod", "conf_source": "conf.tar.gz", "runner": "ThreadRunner"`
	for _, c := range []struct {
		name    string
		options RunOptions
		version string
		want    string
	}{
		{"1.7", newest, "1.7.0", `{"run": {"pipelines": "train,report", "node_names": "n1,f([x,y]) -> [z]", ` + common + `, "namespaces": "x,y", ` + tail + `, "runner_params": {"max_workers": 2}, "is_async": true, "only_missing_outputs": true, "params": {"a": {"b": 1.0}}}}`},
		{"unknown counts as the newest", newest, "", `{"run": {"pipelines": "train,report", "node_names": "n1,f([x,y]) -> [z]", ` + common + `, "namespaces": "x,y", ` + tail + `, "runner_params": {"max_workers": 2}, "is_async": true, "only_missing_outputs": true, "params": {"a": {"b": 1.0}}}}`},
		{"0.19", old, "0.19.15", `{"run": {"pipeline": "train", "node_names": "n1,f([x,y]) -> [z]", ` + common + `, "namespace": "x", ` + tail + `, "is_async": true, "params": {"a": {"b": 1.0}}}}`},
		{"0.18", old, "0.18.14", `{"run": {"pipeline": "train", "node_names": ["n1", "f([x,y]) -> [z]"], ` + common + `, "namespace": "x", ` + tail + `, "is_async": true, "params": {"a": {"b": 1.0}}}}`},
		{"the default pipeline", RunOptions{Pipeline: "__default__", Parameters: json.RawMessage(" null "), IsAsync: &no}, "1.7.0", `{"run": {}}`},
		{"no parameters", RunOptions{Parameters: json.RawMessage(" { } ")}, "1.7.0", `{"run": {}}`},
		{"a pipeline with a comma", RunOptions{Pipeline: "a,b"}, "1.7.0", `{"run": {"pipeline": "a,b"}}`},
		{"1.0", RunOptions{Pipeline: "a", OnlyMissingOutputs: &yes}, "1.0.0", `{"run": {"pipeline": "a", "only_missing_outputs": true}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := RunConfig(c.options, ParseVersion(c.version))
			require.NoError(t, err)
			require.Equal(t, c.want+"\n", string(got))
			require.True(t, json.Valid(got))
		})
	}
}

func TestRunOptionsThatAreRefused(t *testing.T) {
	yes := true
	for _, c := range []struct {
		name    string
		options RunOptions
		version string
		code    fault.Code
		field   string
	}{
		{"a comma in a tag", RunOptions{Tags: []string{"ok", "a,b"}}, "1.7.0", fault.Invalid, "tags[1]"},
		{"a comma in a node", RunOptions{NodeNames: []string{"a,b"}}, "1.7.0", fault.Invalid, "node_names"},
		{"an open bracket", RunOptions{NodeNames: []string{"a[b"}}, "1.7.0", fault.Invalid, "node_names"},
		{"an empty name", RunOptions{ToNodes: []string{""}}, "1.7.0", fault.Invalid, "to_nodes"},
		{"interpolation", RunOptions{Env: "${oc.env:HOME}"}, "1.7.0", fault.Invalid, "env"},
		{"a line break", RunOptions{Pipeline: "a\nb"}, "1.7.0", fault.Invalid, "pipeline_name"},
		{"both ways", RunOptions{Pipeline: "a", PipelineNames: []string{"b"}}, "1.7.0", fault.Invalid, "pipeline_names"},
		{"a version with a slash", RunOptions{LoadVersions: map[string]string{"d": "../x"}}, "1.7.0", fault.Invalid, "load_versions.d"},
		{"runner parameters", RunOptions{RunnerParams: json.RawMessage(`{"a": "${b}"}`)}, "1.7.0", fault.Invalid, "runner_params.a"},
		{"several pipelines", RunOptions{PipelineNames: []string{"a", "b"}}, "1.0.0", fault.NotSupported, "pipeline_names"},
		{"several namespaces", RunOptions{Namespaces: []string{"a", "b"}}, "0.19.0", fault.NotSupported, "namespaces"},
		{"missing outputs", RunOptions{OnlyMissingOutputs: &yes}, "0.19.15", fault.NotSupported, "only_missing_outputs"},
		{"runner parameters, old", RunOptions{RunnerParams: json.RawMessage(`{"a": 1}`)}, "1.5.0", fault.NotSupported, "runner_params"},
		{"${ in an old Kedro", RunOptions{Parameters: json.RawMessage(`{"a": "${b}"}`)}, "1.2.0", fault.Invalid, "parameters.a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := RunConfig(c.options, ParseVersion(c.version))
			require.Error(t, err)
			require.Equal(t, c.code, fault.CodeOf(err))
			require.Equal(t, c.field, fieldOf(t, err))
			if c.code == fault.NotSupported {
				require.ErrorContains(t, err, c.version)
			}
		})
	}
}

func TestParseVersion(t *testing.T) {
	require.Equal(t, Version{1, 7, 0}, ParseVersion("1.7.0"))
	require.Equal(t, Version{1, 0, 0}, ParseVersion("1.0.0rc1"))
	require.Equal(t, Version{0, 19, 15}, ParseVersion("0.19.15"))
	require.False(t, ParseVersion("").Known())
	require.False(t, ParseVersion("main").Known())
	require.True(t, Version{}.AtLeast(9, 9))
	require.False(t, Version{0, 19, 15}.AtLeast(1, 0))
	require.True(t, Version{1, 10, 0}.AtLeast(1, 9))
}
