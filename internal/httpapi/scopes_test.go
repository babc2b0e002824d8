package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/service"
	"github.com/kedrod/kedrod/internal/store"
)

// TestAJobSaysWhichScopeItWaitsFor, with the counts.
func TestAJobSaysWhichScopeItWaitsFor(t *testing.T) {
	train := store.PipelineOf{Project: "sales", Pipeline: "train"}
	limits := store.Limits{Projects: map[string]int{"sales": 3}, Pipelines: map[store.PipelineOf]int{train: 2}}
	r := newRigOf(t, []string{"sales"}, func(o *service.Options) {
		o.Projects[0].Slots = 3
		o.Projects[0].Pipelines = map[string]service.PipelineSettings{"train": {Slots: 2, Timeout: 4 * time.Hour}}
	})
	r.worker(nil)
	claim := func() {
		_, err := r.store.Claim(t.Context(), store.Claim{Worker: "w1", Limit: 10, Projects: []string{"sales"}, Limits: limits})
		require.NoError(t, err)
	}
	submit := func(body string) map[string]any {
		a := r.call(http.MethodPost, "/api/v1/jobs", body)
		require.Equal(t, http.StatusCreated, a.status, a.body)
		return a.object(t)
	}
	waits := func(j map[string]any) any { return r.get("/api/v1/jobs/" + j["id"].(string)).object(t)["waiting_for"] }

	keyed := `{"pipeline_name": "__default__", "concurrency_key": "db", "labels": {"team": "a"}}`
	first := submit(keyed)
	require.Equal(t, "db", first["concurrency_key"])
	require.InDelta(t, 1, first["concurrency_limit"], 0)
	claim()
	second := submit(keyed)
	require.Equal(t, "It waits for the concurrency key 'db' (limit 1): job "+first["id"].(string)+" runs.", second["waiting_for"], "known at once")
	var trains []map[string]any
	for range 2 {
		j := submit(`{"pipeline_name": "train"}`)
		require.InDelta(t, (4 * time.Hour).Seconds(), j["timeout_seconds"], 0)
		trains = append(trains, j)
	}
	claim()
	inProject := submit(`{"pipeline_name": "__default__"}`)
	claim()
	require.Equal(t, "It waits for the project 'sales' (limit 3): job "+first["id"].(string)+" and 2 others run.", waits(inProject))
	r.report(first["id"].(string), "completed")
	claim()
	inPipeline := submit(`{"pipeline_name": "train"}`)
	limits.Projects = nil
	claim()
	require.Equal(t, "It waits for the pipeline 'train' (limit 2): job "+trains[0]["id"].(string)+" and 1 other run.", waits(inPipeline))
	require.Nil(t, waits(second), "it runs")

	list := r.get("/api/v1/jobs?label=team:a&label=none:x").object(t)["items"].([]any)
	require.Len(t, list, 2)
}

func TestScopesOfASubmissionAreBounded(t *testing.T) {
	r := newRig(t)
	for body, field := range map[string]string{
		`{"pipeline_name": "train", "concurrency_key": ""}`:                                "concurrency_key",
		`{"pipeline_name": "train", "concurrency_key": 1}`:                                 "concurrency_key",
		`{"pipeline_name": "train", "concurrency_limit": 1}`:                               "concurrency_limit",
		`{"pipeline_name": "train", "concurrency_key": "a", "concurrency_limit": 0}`:       "concurrency_limit",
		`{"pipeline_name": "train", "concurrency_key": "a", "concurrency_limit": 1001}`:    "concurrency_limit",
		`{"pipeline_name": "train", "concurrency_key": "a\u0000", "concurrency_limit": 1}`: "concurrency_key",
		`{"pipeline_name": "train", "labels": {"a": 1}}`:                                   "labels.a",
		`{"pipeline_name": "train", "requires": {"": "x"}}`:                                "requires",
		`{"pipeline_name": "train", "requires": {"a": null}}`:                              "requires.a",
		`{"pipeline_name": "train", "labels": ["a"]}`:                                      "labels",
	} {
		a := r.call(http.MethodPost, "/api/v1/jobs", body)
		require.Equal(t, http.StatusUnprocessableEntity, a.status, body)
		require.Equal(t, field, a.object(t)["errors"].([]any)[0].(map[string]any)["field"], body)
	}
}

// TestAJobSaysWhichLabelNoWorkerHas, and is in nobody's way.
func TestAJobSaysWhichLabelNoWorkerHas(t *testing.T) {
	r := newRig(t)
	r.worker(func(w *store.Worker) { w.Labels = map[string]string{"gpu": "a100"} })
	submit := func(requires string) map[string]any {
		a := r.call(http.MethodPost, "/api/v1/jobs", `{"pipeline_name": "train", "requires": `+requires+`}`)
		require.Equal(t, http.StatusCreated, a.status, a.body)
		return a.object(t)
	}
	lacks := submit(`{"gpu": "a100", "site": "x"}`)
	require.Equal(t, map[string]any{"gpu": "a100", "site": "x"}, lacks["requires"])
	require.Equal(t, "No worker has the label site=x that it requires.", lacks["waiting_for"])
	has := submit(`{"gpu": "a100"}`)
	require.Equal(t, "It waits for a free slot of a worker.", has["waiting_for"])
	got, err := r.store.Claim(t.Context(), store.Claim{Worker: "w1", Limit: 9, Projects: []string{"sales"}, Labels: map[string]string{"gpu": "a100"}})
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, has["id"], got[0].ID)
	require.Equal(t, lacks["waiting_for"], r.get("/api/v1/jobs/" + lacks["id"].(string)).object(t)["waiting_for"])
}
