package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/store"
)

func TestValidate(t *testing.T) {
	g := newGuarded(t)
	validate := func(body string) map[string]any {
		t.Helper()
		a := g.call("POST", "/api/v1/jobs/validate", body, bearer(g.admin)...)
		require.Equal(t, http.StatusOK, a.status, a.body)
		return a.object(t)
	}
	v := validate(`{"pipeline_name": "train", "project": "sales", "timeout_seconds": 90}`)
	require.Equal(t, true, v["valid"])
	require.Equal(t, []any{}, v["errors"])
	require.Equal(t, []any{"split", "fit"}, v["nodes"])
	require.Equal(t, "sales", v["project"])
	require.InDelta(t, 90, v["timeout_seconds"], 0)
	require.Nil(t, v["unknown_parameters"])
	require.Equal(t, []any{"fit"}, validate(`{"pipeline_name": "train", "project": "sales", "from_nodes": ["fit"]}`)["nodes"])
	require.Contains(t, validate(`{"pipeline_name": "train", "project": "sales", "run_at": "2030-01-01T00:00:00Z"}`)["would_wait_for"], "2030")

	for body, want := range map[string][2]string{
		`{"pipeline_name": "train", "project": "sales", "priority": "x"}`:                            {"invalid", "priority"},
		`{"pipeline_name": "train", "project": "sales", "max_attempts": 0}`:                          {"invalid", "max_attempts"},
		`{"pipeline_name": "train"}`:                                                                 {"invalid", "project"},
		`{"pipeline_name": "gone", "project": "sales"}`:                                              {"unknown_pipeline", "pipeline_name"},
		`{"pipline_name": "train", "project": "sales"}`:                                              {"unknown_field", "pipline_name"},
		`{"pipeline_name": "train", "project": "sales", "tags": ["prepare"], "from_nodes": ["fit"]}`: {"invalid", "pipeline_name"},
	} {
		v := validate(body)
		require.Equal(t, false, v["valid"], body)
		require.Equal(t, want[0], v["code"], body)
		require.Equal(t, want[1], v["errors"].([]any)[0].(map[string]any)["field"], body)
	}
	require.Equal(t, http.StatusBadRequest, g.call("POST", "/api/v1/jobs/validate", `{`, bearer(g.admin)...).status)
	require.Len(t, g.get("/api/v1/jobs", bearer(g.admin)...).object(t)["items"], 2, "nothing was stored")
	require.NotContains(t, g.get("/api/v1/audit", bearer(g.admin)...).body, "validate-job", "it is no change")
}

// TestValidateKnowsOfFreeSlots: a job that would run at once waits for nothing.
func TestValidateKnowsOfFreeSlots(t *testing.T) {
	r := newRig(t)
	waits := func(more string) any {
		t.Helper()
		a := r.call("POST", "/api/v1/jobs/validate", `{"pipeline_name": "train"`+more+`}`)
		require.Equal(t, http.StatusOK, a.status, a.body)
		return a.object(t)["would_wait_for"]
	}
	const slot = "It waits for a free slot of a worker."
	require.Contains(t, waits(""), "No worker runs")
	r.worker(nil)
	require.Nil(t, waits(""))
	require.Equal(t, slot, waits(`, "concurrency_key": "k"`), "who has the key is not known")
	require.Contains(t, waits(`, "requires": {"gpu": "a"}`), "label")
	r.worker(func(w *store.Worker) { w.State = store.WorkerDraining })
	require.Contains(t, waits(""), "All workers are draining")
	r.worker(func(w *store.Worker) { w.Projects = []string{"other"} })
	require.Equal(t, "No worker serves the project sales.", waits(""))
	r.worker(nil)
	r.submit()
	require.Equal(t, slot, waits(""), "the slot is taken by a job before it")
	r.worker(func(w *store.Worker) { w.Slots = 2 })
	require.Nil(t, waits(""))
}
