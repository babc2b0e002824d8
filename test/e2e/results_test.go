package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
)

// TestResults: what a run made, where, in which version, by which node.
func TestResults(t *testing.T) {
	t.Parallel()
	dir := project(t, "minimal")
	s := serve(t, setup{projects: []string{dir}})
	known(t, s)
	job := s.run(t, "versioned", nil)
	require.Equal(t, "completed", job.Status, explain(job))
	r := resultsOf(t, job)
	require.Regexp(t, saveVersion, r.SaveVersion)
	require.Regexp(t, `^1\.\d+\.\d+`, r.Kedro)
	require.Regexp(t, `^3\.\d+\.\d+`, r.Python)
	require.NotEmpty(t, r.Code.Hash)
	require.Empty(t, r.ResumeFrom)
	require.Len(t, r.Nodes, 3)
	require.Len(t, r.Outputs, 2, "what lives in memory is no output")
	kept, plain := r.Outputs[0], r.Outputs[1]
	require.Equal(t, "kept_versions", kept.Dataset)
	require.Equal(t, "keep", kept.Node)
	require.Equal(t, "minimal.datasets.JSONFile", kept.Type)
	require.Equal(t, r.SaveVersion, text(kept.Version))
	require.Equal(t, filepath.Join(dir, "data", "kept.json", r.SaveVersion, "kept.json"), kept.Path)
	require.Equal(t, "plain_file", plain.Dataset)
	require.Equal(t, "copy", plain.Node)
	require.Nil(t, plain.Version)
	for _, out := range r.Outputs {
		info, err := os.Stat(out.Path)
		require.NoError(t, err)
		require.Equal(t, info.Size(), out.Bytes)
	}
	returned := resultsOf(t, s.run(t, "sleep", params{"seconds": 0.01})).Returned
	require.Equal(t, map[string]any{"slept": 0.01}, returned, "a free output that is JSON")
}

// TestRunsAtOnceKeepTheirVersionsApart: starts are spaced, since Kedro's versions are
// milliseconds.
func TestRunsAtOnceKeepTheirVersionsApart(t *testing.T) {
	t.Parallel()
	s := serve(t, setup{projects: []string{project(t, "minimal")}, args: []string{"--concurrency", "6"}})
	known(t, s)
	var ids []string
	for range 6 {
		ids = append(ids, s.submit(t, "versioned", nil).ID)
	}
	versions := map[string]bool{}
	for _, id := range ids {
		job := s.end(t, id)
		require.Equal(t, "completed", job.Status, explain(job))
		versions[resultsOf(t, job).SaveVersion] = true
	}
	require.Len(t, versions, len(ids))
}

// TestOptionsReachTheRun: nodes, tags, ends and environment choose what runs.
func TestOptionsReachTheRun(t *testing.T) {
	t.Parallel()
	dir := project(t, "minimal")
	s := serve(t, setup{projects: []string{dir}, args: []string{"--concurrency", "3"}})
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "conf", "prod"), 0o755))
	write(t, filepath.Join(dir, "conf", "prod", "parameters.yml"), "count: 7\n")
	known(t, s)
	for field, nodes := range map[string][]string{
		`"tags": ["first"]`: {"make"}, `"node_names": ["make"]`: {"make"}, `"to_nodes": ["make"]`: {"make"}, `"from_nodes": ["make"]`: {"make", "add"},
	} {
		status, answer := s.call(t, "POST", "/api/v1/jobs", `{"pipeline_name": "sum", `+field+`}`)
		require.Equal(t, 201, status, answer)
		job := s.end(t, decode(t, answer).(map[string]any)["id"].(string))
		require.Equal(t, "completed", job.Status, "%s: %s", field, explain(job))
		all, err := s.Nodes(within(t), job.ID)
		require.NoError(t, err)
		var names []string
		for _, n := range all {
			names = append(names, n.Name)
		}
		require.Equal(t, nodes, names, field)
	}
	prod := s.end(t, s.send(t, client.Submission{PipelineName: "sum", Options: client.Options{Env: ptr("prod")}}).ID)
	require.Equal(t, "completed", prod.Status, explain(prod))
	require.JSONEq(t, `{"sum": 21, "count": 7}`, tree(t, filepath.Join(dir, "data"))["total.json"])
}
