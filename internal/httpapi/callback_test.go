package httpapi_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/httpapi"
	"github.com/kedrod/kedrod/internal/notify"
	"github.com/kedrod/kedrod/internal/service"
	"github.com/kedrod/kedrod/internal/store"
)

const hook = "https://hooks.example/a/s3cret?token=s3cret"

// newCalledRig takes callbacks to public addresses.
func newCalledRig(t *testing.T) *rig {
	t.Helper()
	return newRigOf(t, []string{"sales"}, func(o *service.Options) { o.CheckCallback = notify.NewTargets(false).Check })
}

func TestCallbackURL(t *testing.T) {
	r := newCalledRig(t)
	const body = `{"pipeline_name": "train", "callback_url": "` + hook + `"}`
	a := r.call("POST", "/api/v1/jobs", body, "Idempotency-Key", "k")
	require.Equal(t, http.StatusCreated, a.status, a.body)
	require.Equal(t, hook, a.object(t)["callback_url"])
	id := a.object(t)["id"].(string)
	path := "/api/v1/jobs/" + id
	require.Equal(t, hook, r.get(path).object(t)["callback_url"])
	require.Equal(t, http.StatusOK, r.call("POST", "/api/v1/jobs", body, "Idempotency-Key", "k").status)
	for _, other := range []string{`{"pipeline_name": "train", "callback_url": "https://hooks.example/b"}`, `{"pipeline_name": "train"}`} {
		require.Equal(t, http.StatusConflict, r.call("POST", "/api/v1/jobs", other, "Idempotency-Key", "k").status, "it is part of the request")
	}
	require.Nil(t, r.get("/api/v1/jobs/" + r.submit()).object(t)["callback_url"])
	require.Equal(t, "invalid", r.call("PATCH", path, `{"callback_url": "https://hooks.example/b"}`).object(t)["code"], "it stays as it was submitted")

	require.Empty(t, r.get(path + "/deliveries").object(t)["items"], "it has not ended")
	require.Equal(t, http.StatusOK, r.call("POST", path+"/cancel", "").status)
	items := r.get(path + "/deliveries").object(t)["items"].([]any)
	require.Len(t, items, 1)
	d := items[0].(map[string]any)
	require.Equal(t, []any{"job.cancelled", "pending", 0.0, nil, nil, nil}, []any{d["event"], d["status"], d["attempts"], d["error"], d["status_code"], d["completed_at"]})
	require.Equal(t, http.StatusNotFound, r.get("/api/v1/jobs/none/deliveries").status)

	taken, err := r.store.TakeDeliveries(t.Context(), "hooks.example:443", time.Minute, 9)
	require.NoError(t, err)
	require.Len(t, taken, 1)
	require.NoError(t, r.store.SaveDelivery(t.Context(), store.Attempted{ID: taken[0].ID, Attempt: 1, State: store.DeliveryFailed, Answer: 410, Error: "answered 410"}))
	d = r.get(path + "/deliveries").object(t)["items"].([]any)[0].(map[string]any)
	require.Equal(t, []any{"failed", 1.0, "answered 410", 410.0, nil}, []any{d["status"], d["attempts"], d["error"], d["status_code"], d["next_attempt_at"]})
	require.NotNil(t, d["completed_at"])

	again := func(body string) any {
		a := r.call("POST", path+"/retry", body)
		require.Equal(t, http.StatusCreated, a.status, a.body)
		return a.object(t)["callback_url"]
	}
	require.Equal(t, hook, again(""))
	require.Equal(t, hook, again(`{"callback_url": null}`))
	require.Equal(t, "https://hooks.example/b", again(`{"callback_url": "https://hooks.example/b"}`))
	all := r.call("POST", "/api/v1/jobs/retry", `{"ids": ["`+id+`"]}`)
	require.Equal(t, http.StatusOK, all.status, all.body)
	require.Equal(t, hook, r.get("/api/v1/jobs/" + all.object(t)["items"].([]any)[0].(string)).object(t)["callback_url"])
	batch := r.call("POST", "/api/v1/jobs/batch", `{"items": [`+body+`]}`)
	require.Equal(t, http.StatusCreated, batch.status, batch.body)
	require.Contains(t, batch.body, hook)
}

func TestCallbackURLIsRefused(t *testing.T) {
	r := newCalledRig(t)
	for _, url := range []string{
		`"http://127.0.0.1:8000/s3cret"`, `"http://169.254.169.254/latest"`, `"http://[::ffff:10.0.0.1]/"`, `"http://localhost/"`, `"ftp://hooks.example/"`, `"https://u:s3cret@hooks.example/"`, `"s3cret"`, `""`, `7`, `["https://hooks.example/"]`,
	} {
		item := `{"pipeline_name": "train", "callback_url": ` + url + `}`
		for path, field := range map[string]string{"/api/v1/jobs": "callback_url", "/api/v1/jobs/batch": "items[0].callback_url"} {
			body := item
			if field != "callback_url" {
				body = `{"items": [` + item + `]}`
			}
			a := r.call("POST", path, body)
			require.Equal(t, http.StatusUnprocessableEntity, a.status, body)
			require.Equal(t, "invalid", a.object(t)["code"])
			require.Equal(t, field, a.object(t)["errors"].([]any)[0].(map[string]any)["field"])
			require.NotContains(t, a.body, "s3cret")
		}
		v := r.call("POST", "/api/v1/jobs/validate", item)
		require.Equal(t, http.StatusOK, v.status)
		require.Equal(t, []any{false, "invalid"}, []any{v.object(t)["valid"], v.object(t)["code"]})
	}
	none := newRig(t) // nothing there sends callbacks
	a := none.call("POST", "/api/v1/jobs", `{"pipeline_name": "train", "callback_url": "`+hook+`"}`)
	require.Equal(t, "not_supported", a.object(t)["code"], "what is taken is not ignored")
}

// TestViewersAreNotShownTokens: what stands behind the host is for who may submit.
func TestViewersAreNotShownTokens(t *testing.T) {
	g := &guarded{rig: newCalledRig(t), jobs: map[string]string{}}
	_, viewer := g.key("v", "viewer", nil)
	_, runner := g.key("r", "runner", nil)
	id := g.call("POST", "/api/v1/jobs", `{"pipeline_name": "train", "callback_url": "`+hook+`"}`, bearer(runner)...).object(t)["id"].(string)
	require.Equal(t, http.StatusOK, g.call("POST", "/api/v1/jobs/"+id+"/cancel", "", bearer(runner)...).status)
	for _, path := range []string{"/api/v1/jobs/" + id, "/api/v1/jobs/" + id + "?wait=1", "/api/v1/jobs", "/api/v1/jobs/" + id + "/deliveries"} {
		a := g.get(path, bearer(viewer)...)
		require.Equal(t, http.StatusOK, a.status)
		require.NotContains(t, a.body, "s3cret", path)
	}
	require.Equal(t, "https://hooks.example/…", g.get("/api/v1/jobs/"+id, bearer(viewer)...).object(t)["callback_url"])
	require.Equal(t, hook, g.get("/api/v1/jobs/"+id, bearer(runner)...).object(t)["callback_url"])
}

// TestJobOfMessage: as in the API, less what is large and what is secret.
func TestJobOfMessage(t *testing.T) {
	r := newCalledRig(t)
	id := r.cancelled(`{"pipeline_name": "train", "parameters": {"n": 1}, "labels": {"a": "<b>"}, "callback_url": "` + hook + `"}`)
	j, err := r.store.Get(t.Context(), id)
	require.NoError(t, err)
	b, err := httpapi.JobOfMessage(&j)
	require.NoError(t, err)
	var got map[string]any
	require.NoError(t, json.Unmarshal(b, &got))
	want := r.get("/api/v1/jobs/" + id).object(t)
	delete(want, "parameters")
	delete(want, "results")
	want["web_url"], want["callback_url"] = "/jobs/"+id, "https://hooks.example/…"
	require.Equal(t, want, got)
}
