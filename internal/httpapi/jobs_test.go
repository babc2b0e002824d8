package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/httpapi"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

func TestSubmitGetListCancel(t *testing.T) {
	r := newRig(t)
	a := r.call(http.MethodPost, "/api/v1/jobs/", `{"pipeline_name": "train", "parameters": {"b": 1.50, "a": 1e3}, "user_id": null, "tags": ["prepare"]}`)
	require.Equal(t, http.StatusCreated, a.status, a.body)
	job := a.object(t)
	id := job["id"].(string)
	require.Equal(t, "/api/v1/jobs/"+id, a.header.Get("Location"))
	require.Contains(t, a.body, `"parameters":{"b":1.50,"a":1e3}`)
	require.Equal(t, r.url+"/jobs/"+id, job["web_url"])
	require.Equal(t, []any{}, job["warnings"])
	require.Contains(t, job, "results")
	require.Nil(t, job["results"])
	require.Equal(t, "pending", job["status"])

	a = r.get("/api/v1/jobs/" + id)
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, http.StatusNotModified, r.get("/api/v1/jobs/"+id, "If-None-Match", a.header.Get("ETag")).status)

	for _, tags := range [][]string{{"*"}, {`"x", W/` + a.header.Get("ETag")}, {`"x"`, a.header.Get("ETag")}} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/api/v1/jobs/"+id, nil)
		require.NoError(t, err)
		req.Header["If-None-Match"] = tags
		resp, err := r.http.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusNotModified, resp.StatusCode, tags)
		require.Equal(t, a.header.Get("ETag"), resp.Header.Get("ETag"))
	}

	page := r.get("/api/v1/jobs?status=pending&status=running&limit=1").object(t)
	require.Len(t, page["items"], 1)
	require.Nil(t, page["next_cursor"])
	require.NotContains(t, page["items"].([]any)[0], "parameters")

	a = r.call(http.MethodPost, "/api/v1/jobs/"+id+"/cancel", "")
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Equal(t, "cancelled", a.object(t)["status"])
	require.Equal(t, http.StatusOK, r.get("/api/v1/health").status)
}

func TestIdempotencyKey(t *testing.T) {
	r := newRig(t)
	post := func(body, key string) reply {
		return r.call(http.MethodPost, "/api/v1/jobs", body, "Idempotency-Key", key)
	}
	first := post(`{"pipeline_name": "train", "parameters": {"a": 1, "b": 2}}`, "k")
	require.Equal(t, http.StatusCreated, first.status)
	again := post(`{"parameters":{"b":2,"a":1},"tags":null,"pipeline_name":"train"}`, "k")
	require.Equal(t, http.StatusOK, again.status)
	require.Equal(t, first.object(t)["id"], again.object(t)["id"])
	require.Equal(t, first.header.Get("Location"), again.header.Get("Location"))
	other := post(`{"pipeline_name": "train", "parameters": {"a": 1.0, "b": 2}}`, "k")
	require.Equal(t, http.StatusConflict, other.status)
	require.Equal(t, "conflict", other.object(t)["code"])
	require.Equal(t, http.StatusCreated, post(`{"pipeline_name": "train"}`, "l").status)
	require.Equal(t, http.StatusUnprocessableEntity, post(`{"pipeline_name": "train"}`, strings.Repeat("k", 256)).status)
}

func TestKindBodies(t *testing.T) {
	r := newRig(t, func(o *httpapi.Options) { o.IgnoreUnknownFields = true })
	body := `{"pipeline_name": "train", "surprise": [1]}`
	for _, kind := range []string{"application/x-www-form-urlencoded", "text/plain", "application/json; charset=utf-8", ""} {
		require.Equal(t, http.StatusCreated, r.call("POST", "/api/v1/jobs", body, "Content-Type", kind).status, kind)
	}
	require.Equal(t, http.StatusBadRequest, r.call("POST", "/api/v1/jobs", body, "Content-Type", "multipart/form-data; boundary=x").status)
}

func TestBodyWhereNoneIsTaken(t *testing.T) {
	r := newRig(t)
	path := "/api/v1/jobs/" + r.submit() + "/cancel"
	require.Equal(t, http.StatusUnprocessableEntity, r.call("POST", path, `{"force": true}`).status)
	require.Equal(t, http.StatusBadRequest, r.call("POST", path, `force`).status)
	require.Equal(t, http.StatusOK, r.call("POST", path, ` {} `).status)
	require.Equal(t, http.StatusOK, r.call("POST", path, ``).status)
}

func TestList(t *testing.T) {
	r := newRig(t)
	var ids []string
	for range 5 {
		ids = append(ids, r.submit())
	}
	require.Equal(t, http.StatusCreated, r.call("POST", "/api/v1/jobs", `{"pipeline_name": "__default__", "user_id": "ann", "parameters": {"x": 1}}`).status)
	count := func(query string) int {
		t.Helper()
		return len(r.get("/api/v1/jobs" + query).object(t)["items"].([]any))
	}
	require.Equal(t, 6, count(""))
	require.Equal(t, 6, count("/?pipeline_name=train&pipeline_name=__default__&q=&cursor="))
	require.Equal(t, 1, count("?pipeline_name=__default__&project=sales"))
	require.Equal(t, 0, count("?project=other"))
	require.Equal(t, 1, count("?user_id=ann"))
	require.Equal(t, 1, count("?q=ANN"))
	require.Equal(t, 0, count("?submitted_by=key"))
	require.Equal(t, 1, count("?id="+ids[2][30:]))
	require.Equal(t, 0, count("?status=running&status=failed"))
	require.Equal(t, 6, count("?created_since=2026-01-01T00:00:00+00:00"), "a + that was not encoded arrives as a blank")
	require.Equal(t, 0, count("?created_until=2026-01-01T00:00:00%2B00:00"))

	a := r.get("/api/v1/jobs?user_id=ann&include=parameters&include=results")
	require.Contains(t, a.body, `"parameters":{"x":1}`)
	require.Contains(t, a.body, `"results":null`)

	var seen []string
	query := "?limit=4"
	for query != "" {
		page := r.get("/api/v1/jobs" + query).object(t)
		query = ""
		for _, item := range page["items"].([]any) {
			seen = append(seen, item.(map[string]any)["id"].(string))
		}
		if next, ok := page["next_cursor"].(string); ok {
			query = "?limit=4&cursor=" + next
		}
	}
	require.Len(t, seen, 6)
	require.Equal(t, ids[0], seen[5])
}

func TestPathsAndMethods(t *testing.T) {
	r := newRig(t)
	id := r.submit()
	encoded := strings.Replace(id, "-", "%2D", 1)
	require.Equal(t, id, r.get("/api/v1/jobs/" + encoded).object(t)["id"])
	require.Equal(t, id, r.get("/api/v1/jobs/" + id + "/").object(t)["id"])
	require.Equal(t, http.StatusNotFound, r.get("/api/v1/jobs/"+id+"%2F").status, "an encoded slash is a part of the id")
	head := r.call(http.MethodHead, "/api/v1/jobs/"+id, "")
	require.Equal(t, http.StatusOK, head.status)
	require.Empty(t, head.body)
	require.Equal(t, r.get("/api/v1/jobs/"+id).header.Get("Content-Length"), head.header.Get("Content-Length"))
	require.Equal(t, "http://jobs.example:81/jobs/"+id, r.get("/api/v1/jobs/"+id, "Host", "jobs.example:81").object(t)["web_url"])
}

func TestRunsOfAJob(t *testing.T) {
	r := newRig(t)
	id := r.submit()
	require.Empty(t, r.get("/api/v1/jobs/" + id + "/attempts").object(t)["items"])
	require.Empty(t, r.get("/api/v1/jobs/" + id + "/nodes").object(t)["items"])
	r.claim()
	ref := job.Ref{JobID: id, Attempt: 1, Worker: "w1"}
	now := time.Now()
	require.NoError(t, r.store.Advance(t.Context(), ref, store.Advance{
		StartedAt: &now, Start: "cold", Progress: &job.Progress{Done: 1, Total: 2, Running: []string{"fit"}},
		Nodes: []store.NodeAt{{Position: 0, Node: job.Node{Name: "split", Status: "completed"}}, {Position: 1, Node: job.Node{Name: "fit", Status: "running", StartedAt: &now}}},
	}))
	nodes := r.get("/api/v1/jobs/" + id + "/nodes?attempt=1").object(t)["items"].([]any)
	require.Len(t, nodes, 2)
	require.Equal(t, "split", nodes[0].(map[string]any)["name"])
	attempt := r.get("/api/v1/jobs/" + id + "/attempts").object(t)["items"].([]any)[0].(map[string]any)
	require.Equal(t, "running", attempt["status"])
	progress := r.get("/api/v1/jobs/" + id).object(t)["progress"].(map[string]any)
	require.Equal(t, []any{"fit"}, progress["running"])
}
