package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
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

	page := r.get("/api/v1/jobs?status=pending&status=running&limit=1").object(t)
	require.Len(t, page["items"], 1)
	require.Nil(t, page["next_cursor"])
	require.NotContains(t, page["items"].([]any)[0], "parameters")

	a = r.call(http.MethodPost, "/api/v1/jobs/"+id+"/cancel", "")
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Equal(t, "cancelled", a.object(t)["status"])
	require.Equal(t, http.StatusOK, r.get("/api/v1/health").status)
}
