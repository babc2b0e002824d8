package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestChange(t *testing.T) {
	r := newRig(t)
	id := r.call("POST", "/api/v1/jobs", `{"pipeline_name": "train", "priority": 2, "labels": {"a": "1", "b": "2"}, "expires_at": "2031-01-01T00:00:00Z"}`).object(t)["id"].(string)
	path := "/api/v1/jobs/" + id
	was := r.get(path).object(t)
	patch := func(body string) map[string]any {
		t.Helper()
		a := r.call("PATCH", path, body, "Content-Type", "application/merge-patch+json")
		require.Equal(t, http.StatusOK, a.status, a.body)
		require.Equal(t, a.object(t), r.get(path).object(t))
		return a.object(t)
	}
	require.Equal(t, was, patch(`{}`))
	now := patch(`{"priority": 7, "run_at": "2030-01-01T00:00:00Z", "labels": {"a": "x", "b": null, "c": ""}}`)
	require.InDelta(t, 7, now["priority"], 0)
	require.Equal(t, "2030-01-01T00:00:00.000000+00:00", now["run_at"])
	require.Contains(t, now["waiting_for"], "2030")
	require.Equal(t, map[string]any{"a": "x", "c": ""}, now["labels"])
	now = patch(`{"priority": null, "run_at": null, "labels": null}`)
	require.InDelta(t, 0, now["priority"], 0)
	require.Nil(t, now["run_at"])
	require.Nil(t, now["labels"])

	for body, want := range map[string]string{
		`{"status": "failed"}`: "unknown_field", `{"priorty": 1}`: "unknown_field", `{"parameters": {}}`: "invalid", `{"delay_seconds": 1}`: "invalid",
		`{"priority": 1000001}`: "invalid", `{"priority": 1.5}`: "invalid", `{"run_at": "soon"}`: "invalid", `{"run_at": "2090-01-01T00:00:00Z"}`: "invalid",
		`{"run_at": "2032-01-01T00:00:00Z"}`: "invalid", `{"labels": {"a:b": "c"}}`: "invalid", `{"labels": {"a": 1}}`: "invalid", `{"labels": []}`: "invalid",
	} {
		a := r.call("PATCH", path, body)
		require.Equal(t, http.StatusUnprocessableEntity, a.status, body)
		require.Equal(t, want, a.object(t)["code"], "%s: %s", body, a.body)
	}
	require.Equal(t, now, r.get(path).object(t), "what is refused changes nothing")
	require.Equal(t, http.StatusBadRequest, r.call("PATCH", path, "").status)
	require.Equal(t, http.StatusNotFound, r.call("PATCH", "/api/v1/jobs/none", `{}`).status)
	r.claim()
	require.Equal(t, http.StatusConflict, r.call("PATCH", path, `{"priority": 1}`).status, "it runs")
	ended := r.cancelled(`{"pipeline_name": "train"}`)
	require.Equal(t, http.StatusConflict, r.call("PATCH", "/api/v1/jobs/"+ended, `{"priority": 1}`).status)
}
