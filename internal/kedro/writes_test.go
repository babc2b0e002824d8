package kedro

import (
	"encoding/json"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
)

func TestPathsAreComparedWithinTheirProject(t *testing.T) {
	for _, c := range [][3]string{
		{"", "data/x.csv", "data/x.csv"},
		{"", "./data//y/../x.csv", "data/x.csv"},
		{"", "/srv/p/data/x.csv", "data/x.csv"},
		{"file", "/srv/p/data/x.csv", "data/x.csv"},
		{"", "file:///srv/p/data/x.csv", "data/x.csv"},
		{"", "/srv/pp/x.csv", "/srv/pp/x.csv"},
		{"", "../other/x.csv", "/srv/other/x.csv"},
		{"", "data/parts/", "data/parts"},
		{"s3", "bucket/x.csv", "s3://bucket/x.csv"},
		{"", "s3a://bucket/x.csv", "s3://bucket/x.csv"},
		{"", "gcs://b/x", "gs://b/x"},
		{"abfs", "c/x", "abfs://c/x"},
		{"", "", ""},
		{"", strings.Repeat("x", job.MaxWritePath+1), ""},
		{"", "a\x00b", ""},
	} {
		require.Equal(t, c[2], writePath("/srv/p", c[0], c[1]), "%q", c)
	}
}

func TestWritesOfARegistry(t *testing.T) {
	file := func(path string) Dataset { return Dataset{Filepath: &path} }
	versioned, given := file("data/v.csv"), file("data/given.csv")
	versioned.Versioned, given.Given = true, true
	pattern := file("data/{x}.csv")
	pattern.Pattern = true
	r := Registry{
		Pipelines: []Pipeline{
			{Name: "a", Nodes: []PipelineNode{
				{Name: "one", Outputs: []string{"out", "memory", "versioned"}},
				{Name: "two", Outputs: []string{"table@pandas", "given", "made_csv"}, Tags: []string{"t"}},
			}},
			{Name: "b", Nodes: []PipelineNode{{Name: "three", Outputs: []string{"b_out"}}}},
		},
		Datasets: map[string]Dataset{
			"out": file("data/out.csv"), "versioned": versioned, "given": given, "table@pandas": file("data/t.parquet"),
			"table@spark": file("data/t.parquet"), "{x}_csv": pattern, "b_out": file("data/out.csv"),
		},
		Made: map[string]Dataset{"made_csv": file("data/made.csv")},
	}
	env := "prod"
	for name, c := range map[string]struct {
		change  func(*Registry, *job.Job)
		paths   []string
		unknown string
	}{
		"all": {nil, []string{"data/out.csv", "data/t.parquet", "data/given.csv", "data/made.csv"}, ""},
		"part of it": {func(_ *Registry, j *job.Job) { j.Options.Tags = []string{"t"} },
			[]string{"data/t.parquet", "data/given.csv", "data/made.csv"}, ""},
		"several pipelines": {func(_ *Registry, j *job.Job) { j.Options.PipelineNames = []string{"b", "a"} },
			[]string{"data/out.csv", "data/t.parquet", "data/given.csv", "data/made.csv"}, ""},
		"parameters change a path": {func(_ *Registry, j *job.Job) { j.Parameters = json.RawMessage(`{"folder": "x"}`) },
			[]string{"data/out.csv", "data/t.parquet", "data/made.csv"}, "(given)"},
		"no parameters":      {func(_ *Registry, j *job.Job) { j.Parameters = json.RawMessage(`{ }`) }, []string{"data/out.csv", "data/t.parquet", "data/given.csv", "data/made.csv"}, ""},
		"another env":        {func(_ *Registry, j *job.Job) { j.Options.Env = &env }, nil, "env or conf_source"},
		"unknown pipeline":   {func(_ *Registry, j *job.Job) { j.Pipeline = "c" }, nil, "does not have the pipeline"},
		"no catalog":         {func(r *Registry, _ *job.Job) { r.Datasets = nil }, nil, "catalog could not be read"},
		"patterns not known": {func(r *Registry, _ *job.Job) { r.Made = nil }, []string{"data/out.csv", "data/t.parquet", "data/given.csv"}, "(memory, made_csv)"},
	} {
		t.Run(name, func(t *testing.T) {
			r, j := r, job.Job{Pipeline: "a"}
			if c.change != nil {
				c.change(&r, &j)
			}
			files, unknown := r.Writes("/srv/p", &j)
			w := job.Writes{Files: files}
			require.Equal(t, append([]string{}, c.paths...), w.Paths())
			if c.unknown == "" {
				require.Empty(t, unknown)
			} else {
				require.Contains(t, unknown, c.unknown)
			}
		})
	}
	many := Registry{Pipelines: []Pipeline{{Name: "a", Nodes: []PipelineNode{{Name: "n"}}}}, Datasets: map[string]Dataset{}}
	for i := range job.MaxWrites + 1 {
		name := strconv.Itoa(i)
		many.Datasets[name] = file(name)
		many.Pipelines[0].Nodes[0].Outputs = append(many.Pipelines[0].Nodes[0].Outputs, name)
	}
	files, unknown := many.Writes("", &job.Job{Pipeline: "a"})
	require.Len(t, files, job.MaxWrites)
	require.Contains(t, unknown, "more files")
}

// TestWritesOfARealProject: what the registry tells before the run is what the run does.
func TestWritesOfARealProject(t *testing.T) {
	p := copyProject(t, "minimal")
	write(t, filepath.Join(p.Path, "conf", "base", "catalog.yml"), `
total: {type: minimal.datasets.JSONFile, filepath: data/total.json}
kept: {type: minimal.datasets.JSONFile, filepath: data/kept.json, versioned: true}
cached: {type: CachedDataset, dataset: {type: minimal.datasets.JSONFile, filepath: data/cached.json}}
given: {type: minimal.datasets.JSONFile, filepath: "${runtime_params:folder,data}/given.json", credentials: nobody}
parts: {type: partitions.PartitionedDataset, path: data/parts, dataset: json.JSONDataset}
"{name}_made": {type: minimal.datasets.JSONFile, filepath: "data/made/{name}.json"}
"{name}_sent": {type: minimal.datasets.JSONFile, filepath: "${runtime_params:folder,data}/sent/{name}.json"}
`)
	write(t, filepath.Join(p.Path, "conf", "local", "credentials.yml"), "nobody: {}\n")
	write(t, filepath.Join(p.SourceDir, "minimal", "pipeline_registry.py"), `
from kedro.pipeline import Pipeline, node

def register_pipelines():
    one = lambda: {"a": 1}
    outputs = ["total", "kept", "cached", "parts", "x_made", "y_sent", "memory"]
    writes = Pipeline([node(one, None, name, name="n_" + name) for name in outputs])
    return {"__default__": writes, "writes": writes, "all": writes + Pipeline([node(one, None, "given", name="n_given")])}
`)
	found, err := inspector(t, p).Inspect(t.Context())
	require.NoError(t, err)
	require.Nil(t, found.Registry.Error)
	expected, unknown := found.Registry.Writes(p.Path, &job.Job{Pipeline: "writes"})
	require.Empty(t, unknown)
	require.Equal(t, map[string]string{
		"total": "data/total.json", "cached": "data/cached.json", "parts": "data/parts", "x_made": "data/made/x.json", "y_sent": "data/sent/y.json",
	}, pathsByDataset(expected))
	_, unknown = found.Registry.Writes(p.Path, &job.Job{Pipeline: "all", Parameters: json.RawMessage(`{"folder": "x"}`)})
	require.Contains(t, unknown, "given")
	require.Contains(t, unknown, "y_sent")
	require.NotContains(t, unknown, "total")

	run := runReal(t, runSetup{project: p, options: RunOptions{Pipeline: "writes"}})
	require.Zero(t, run.Exit.Code, "%s", run.Log)
	var s State
	for _, e := range run.Events {
		s.Apply(e)
		if e.Kind == EventRunStart {
			planned := s.TakeWrites(p.Path)
			require.Equal(t, pathsByDataset(expected), pathsByDataset(planned))
			for _, w := range planned {
				require.False(t, w.Saved)
			}
		}
	}
	done := s.TakeWrites(p.Path)
	require.Equal(t, pathsByDataset(expected), pathsByDataset(done))
	for _, w := range done {
		require.True(t, w.Saved)
	}
	require.Empty(t, s.TakeWrites(p.Path))
}

func pathsByDataset(writes []job.Write) map[string]string {
	all := map[string]string{}
	for _, w := range writes {
		all[w.Dataset] = w.Path
	}
	return all
}
