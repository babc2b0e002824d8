package httpapi_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

func TestBatch(t *testing.T) {
	r := newRig(t)
	a := r.call("POST", "/api/v1/jobs/batch", `{"items": [{"pipeline_name": "train", "parameters": {"n": 1.50}}, {"pipeline_name": "__default__", "priority": 2}]}`)
	require.Equal(t, http.StatusCreated, a.status, a.body)
	items := a.object(t)["items"].([]any)
	require.Len(t, items, 2)
	require.Contains(t, a.body, `"parameters":{"n":1.50}`)
	for i, pipeline := range []string{"train", "__default__"} {
		item := items[i].(map[string]any)
		require.Equal(t, pipeline, item["pipeline_name"])
		require.Equal(t, "pending", r.get("/api/v1/jobs/" + item["id"].(string)).object(t)["status"])
	}
	full := `{"items": [` + strings.TrimSuffix(strings.Repeat(`{"pipeline_name": "train"},`, 1000), ",") + `]}`
	require.Equal(t, http.StatusCreated, r.call("POST", "/api/v1/jobs/batch", full).status)
}

func TestBatchIsRefusedWhole(t *testing.T) {
	r := newRig(t)
	for body, want := range map[string][2]string{
		`{"items": [{"pipeline_name": "train"}, {"pipeline_name": "train", "priority": "x"}]}`: {"invalid", "items[1].priority"},
		`{"items": [{"pipeline_name": "train"}, {"pipeline_name": "gone"}]}`:                   {"unknown_pipeline", "items[1].pipeline_name"},
		`{"items": [{"pipeline_name": "train", "max_attempts": 0}]}`:                           {"invalid", "items[0].max_attempts"},
		`{"items": [{"pipline_name": "train"}]}`:                                               {"unknown_field", "items[0].pipline_name"},
		`{"items": [{"pipeline_name": "train", "tags": ["none"]}]}`:                            {"invalid", "items[0].tags[0]"},
		`{"items": [{"pipeline_name": "train"}, 5]}`:                                           {"invalid", "items[1]"},
		`{"items": []}`: {"invalid", "items"},
		`{}`:            {"invalid", "items"},
		`{"items": {}}`: {"invalid", "items"},
		`{"item": []}`:  {"unknown_field", "item"},
		`{"items": [` + strings.TrimSuffix(strings.Repeat(`{"pipeline_name": "train"},`, 1001), ",") + `]}`: {"invalid", "items"},
	} {
		a := r.call("POST", "/api/v1/jobs/batch", body)
		require.Equal(t, http.StatusUnprocessableEntity, a.status)
		problem := a.object(t)
		require.Equal(t, want[0], problem["code"], a.body)
		require.Equal(t, want[1], problem["errors"].([]any)[0].(map[string]any)["field"], a.body)
		require.True(t, strings.HasPrefix(problem["detail"].(string), want[1]), a.body)
	}
	for _, key := range []string{"", strings.Repeat("k", 256)} {
		a := r.call("POST", "/api/v1/jobs/batch", `{"items": [{"pipeline_name": "train"}]}`, "Idempotency-Key", key)
		require.Equal(t, http.StatusUnprocessableEntity, a.status)
		require.Equal(t, "Idempotency-Key", a.object(t)["errors"].([]any)[0].(map[string]any)["field"])
	}
	require.Empty(t, r.get("/api/v1/jobs").object(t)["items"], "nothing was accepted")
}

func TestARepeatedBatchGivesTheFirstJobs(t *testing.T) {
	r := newRig(t)
	const body = `{"items": [{"pipeline_name": "train", "user_id": null}, {"pipeline_name": "__default__", "priority": 2}]}`
	first := r.call("POST", "/api/v1/jobs/batch", body, "Idempotency-Key", "mine")
	require.Equal(t, http.StatusCreated, first.status, first.body)
	again := r.call("POST", "/api/v1/jobs/batch", `{ "items": [{"pipeline_name":"train", "tags": null}, {"priority":2,"pipeline_name":"__default__"}] }`, "Idempotency-Key", "mine")
	require.Equal(t, http.StatusOK, again.status, again.body)
	require.JSONEq(t, first.body, again.body)

	for _, other := range []string{
		`{"items": [{"pipeline_name": "train"}]}`,
		`{"items": [{"pipeline_name": "__default__", "priority": 2}, {"pipeline_name": "train"}]}`,
		`{"items": [{"pipeline_name": "train"}, {"pipeline_name": "__default__", "priority": 2.0}]}`,
	} {
		require.Equal(t, http.StatusConflict, r.call("POST", "/api/v1/jobs/batch", other, "Idempotency-Key", "mine").status, other)
	}
	require.Len(t, r.get("/api/v1/jobs").object(t)["items"], 2)
	require.Equal(t, http.StatusCreated, r.call("POST", "/api/v1/jobs/batch", body, "Idempotency-Key", "other").status)
	require.Equal(t, http.StatusCreated, r.call("POST", "/api/v1/jobs", `{"pipeline_name": "train"}`, "Idempotency-Key", "mine").status, "one job's keys are others")
}

func TestDelete(t *testing.T) {
	r := newRig(t)
	id := r.submit()
	path := "/api/v1/jobs/" + id
	require.Equal(t, http.StatusConflict, r.call("DELETE", path, "").status, "it is pending")
	r.claim()
	ref := job.Ref{JobID: id, Attempt: 1, Worker: "w1"}
	folder := r.runs.Attempt(id, 1)
	require.NoError(t, folder.Make())
	require.NoError(t, os.WriteFile(folder.Log(), []byte("text"), 0o600))
	require.NoError(t, r.store.Advance(t.Context(), ref, store.Advance{Nodes: []store.NodeAt{{Node: job.Node{Name: "split", Status: "completed"}}}}))
	require.Equal(t, http.StatusConflict, r.call("DELETE", path, "").status, "it runs")
	require.DirExists(t, folder.Path)
	_, err := r.store.Report(t.Context(), ref, job.Outcome{Status: job.Completed}, store.Advance{})
	require.NoError(t, err)

	other := r.submit()
	a := r.call("DELETE", path, "")
	require.Equal(t, http.StatusNoContent, a.status, a.body)
	require.NoDirExists(t, folder.Path)
	require.Equal(t, http.StatusNotFound, r.get(path).status)
	require.Equal(t, http.StatusNotFound, r.call("DELETE", path, "").status, "and again")
	attempts, err := r.store.Attempts(t.Context(), id)
	require.NoError(t, err)
	require.Empty(t, attempts)
	nodes, err := r.store.Nodes(t.Context(), id, 1)
	require.NoError(t, err)
	require.Empty(t, nodes)
	events, err := r.store.Events(t.Context(), id, 0, 10)
	require.NoError(t, err)
	require.Empty(t, events)
	require.Equal(t, http.StatusOK, r.get("/api/v1/jobs/"+other).status, "others stay")
}
