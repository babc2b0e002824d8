package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/kedro"
	"github.com/kedrod/kedrod/internal/service"
	"github.com/kedrod/kedrod/internal/store"
)

// TestAJobSaysWhichFileItWaitsFor, and one whose files can't be known that it does not.
func TestAJobSaysWhichFileItWaitsFor(t *testing.T) {
	registry := exampleRegistry()
	file := "data/model.pkl"
	registry.Datasets = map[string]kedro.Dataset{"model": {Filepath: &file}}
	r := newRigOf(t, []string{"sales"}, func(o *service.Options) {
		o.Projects[0].Catalog = &catalog{registry}
		o.Projects[0].Pipelines = map[string]service.PipelineSettings{"train": {QueueWrites: true}}
	})
	r.worker(nil)
	submit := func(body string) map[string]any {
		a := r.call(http.MethodPost, "/api/v1/jobs", body)
		require.Equal(t, http.StatusCreated, a.status, a.body)
		return a.object(t)
	}
	claim := func() []string {
		jobs, err := r.store.Claim(t.Context(), store.Claim{Worker: "w1", Limit: 10, Projects: []string{"sales"}})
		require.NoError(t, err)
		var ids []string
		for _, j := range jobs {
			ids = append(ids, j.ID)
		}
		return ids
	}
	first := submit(`{"pipeline_name": "__default__"}`)["id"].(string)
	second := submit(`{"pipeline_name": "train"}`)["id"].(string)
	part := submit(`{"pipeline_name": "train", "to_nodes": ["split"]}`)["id"].(string)
	unknown := submit(`{"pipeline_name": "train", "env": "prod"}`)
	require.Equal(t, []any{"It does not wait for files that other runs write (write_conflicts: queue): " +
		"the paths of a run with an env or conf_source of its own are not known before it."}, unknown["warnings"])
	require.Equal(t, []string{first, part, unknown["id"].(string)}, claim())
	require.Equal(t, "It waits for the file data/model.pkl: job "+first+" writes it.", r.get("/api/v1/jobs/" + second).object(t)["waiting_for"])
	list := r.get("/api/v1/jobs?pipeline_name=train&status=running").object(t)["items"].([]any)
	require.Len(t, list, 2)
	require.Equal(t, unknown["warnings"], list[0].(map[string]any)["warnings"], "also while it runs, and in lists")
	r.report(first, "completed")
	require.Equal(t, []string{second}, claim())
}
