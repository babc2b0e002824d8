package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// cancelled gives the id of a job that ended.
func (r *rig) cancelled(body string) string {
	r.t.Helper()
	a := r.call("POST", "/api/v1/jobs", body)
	require.Equal(r.t, http.StatusCreated, a.status, a.body)
	id := a.object(r.t)["id"].(string)
	require.Equal(r.t, http.StatusOK, r.call("POST", "/api/v1/jobs/"+id+"/cancel", "").status)
	return id
}

func TestRetry(t *testing.T) {
	r := newRig(t)
	id := r.cancelled(`{"pipeline_name": "train", "parameters": {"n": 1.50}, "user_id": "ann", "tags": ["prepare"], "priority": 3, "timeout_seconds": 7,
		"max_attempts": 2, "retry_on": ["timeout"], "max_recoveries": 0, "run_at": "2030-01-01T00:00:00Z", "expires_at": "2031-01-01T00:00:00Z"}`)
	old := r.get("/api/v1/jobs/" + id)
	path := "/api/v1/jobs/" + id + "/retry"

	a := r.call("POST", path, "")
	require.Equal(t, http.StatusCreated, a.status, a.body)
	got, was := a.object(t), old.object(t)
	require.Equal(t, id, got["retry_of"])
	require.Equal(t, "/api/v1/jobs/"+got["id"].(string), a.header.Get("Location"))
	require.Equal(t, "pending", got["status"])
	require.Contains(t, a.body, `"parameters":{"n":1.50}`, "as they were sent")
	for _, field := range []string{"pipeline_name", "project", "parameters", "user_id", "tags", "priority", "timeout_seconds", "max_attempts", "retry_on", "max_recoveries"} {
		require.Equal(t, was[field], got[field], field)
	}
	require.Nil(t, got["run_at"], "a moment of the old job")
	require.Nil(t, got["expires_at"])
	require.Equal(t, old.body, r.get("/api/v1/jobs/"+id).body, "the old job stays as it is")

	got = r.call("POST", path, `{"from": "start", "parameters": {"m": 2}, "user_id": null, "retry_on": [], "delay_seconds": 60}`).object(t)
	require.Equal(t, map[string]any{"m": 2.0}, got["parameters"])
	require.Equal(t, "ann", got["user_id"], "null is as good as absent")
	require.Equal(t, []any{}, got["retry_on"])
	require.NotNil(t, got["run_at"])
}

func TestRetryIsRefused(t *testing.T) {
	r := newRig(t)
	id := r.cancelled(`{"pipeline_name": "train"}`)
	path := "/api/v1/jobs/" + id + "/retry"
	for body, want := range map[string]string{
		`{"from": "failure"}`: "not_supported", `{"from": "middle"}`: "invalid", `{"from": 1}`: "invalid", `{"form": "start"}`: "unknown_field",
		`{"retry_of": "x"}`: "unknown_field", `{"pipeline_name": "gone"}`: "unknown_pipeline", `{"max_attempts": 0}`: "invalid",
		`{"project": "other"}`: "unknown_project", `{"from": "start"`: "malformed", `{"parameters": []}`: "invalid",
	} {
		a := r.call("POST", path, body)
		require.Equal(t, want, a.object(t)["code"], "%s: %s", body, a.body)
	}
	require.Len(t, r.get("/api/v1/jobs").object(t)["items"], 1, "nothing was submitted")

	pending := r.submit()
	require.Equal(t, http.StatusConflict, r.call("POST", "/api/v1/jobs/"+pending+"/retry", "").status)
	r.claim()
	require.Equal(t, http.StatusConflict, r.call("POST", "/api/v1/jobs/"+pending+"/retry", "").status, "it runs")
	require.Equal(t, http.StatusNotFound, r.call("POST", "/api/v1/jobs/none/retry", "").status)
}

func TestRetryIsIdempotentByKey(t *testing.T) {
	r := newRig(t)
	one, two := r.cancelled(`{"pipeline_name": "train"}`), r.cancelled(`{"pipeline_name": "train"}`)
	retry := func(id, body string) reply {
		return r.call("POST", "/api/v1/jobs/"+id+"/retry", body, "Idempotency-Key", "k")
	}
	first := retry(one, "")
	require.Equal(t, http.StatusCreated, first.status)
	again := retry(one, "{}")
	require.Equal(t, http.StatusOK, again.status)
	require.Equal(t, first.object(t)["id"], again.object(t)["id"])
	require.Equal(t, http.StatusConflict, retry(one, `{"priority": 1}`).status)
	require.Equal(t, http.StatusConflict, retry(two, "").status, "another job's retry is another request")

	require.Equal(t, http.StatusNoContent, r.call("DELETE", "/api/v1/jobs/"+one, "").status)
	again = retry(one, "")
	require.Equal(t, http.StatusOK, again.status, "the new job is still there, whatever became of the old one: %s", again.body)
	require.Equal(t, first.object(t)["id"], again.object(t)["id"])
	require.Equal(t, first.header.Get("Location"), again.header.Get("Location"))
	require.Equal(t, http.StatusConflict, retry(one, `{"priority": 1}`).status)
	require.Equal(t, http.StatusNotFound, r.call("POST", "/api/v1/jobs/"+one+"/retry", "", "Idempotency-Key", "fresh").status)
	long := r.call("POST", "/api/v1/jobs/"+two+"/retry", "", "Idempotency-Key", strings.Repeat("k", 256))
	require.Equal(t, "Idempotency-Key", long.object(t)["errors"].([]any)[0].(map[string]any)["field"])
}
