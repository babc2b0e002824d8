package httpapi_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/httpapi"
	"github.com/kedrod/kedrod/internal/store"
)

func TestRegistry(t *testing.T) {
	r := newRig(t)
	project := r.get("/api/v1/projects").object(t)["items"].([]any)[0].(map[string]any)
	require.Equal(t, "sales", project["name"])
	require.Equal(t, "2026-11-25T01:20:16.000000+00:00", project["loaded_at"])
	for _, a := range []reply{r.get("/api/v1/pipelines?project=sales"), r.call("POST", "/api/v1/pipelines/refresh?project=sales", "")} {
		require.Equal(t, http.StatusOK, a.status, a.body)
		require.Len(t, a.object(t)["items"], 2)
		require.Len(t, a.object(t)["projects"], 1)
	}
	p := r.get("/api/v1/pipelines/train").object(t)
	require.Len(t, p["node_list"], 2)
	require.Equal(t, []any{map[string]any{"from": "split", "to": "fit"}}, p["edges"])
	require.Equal(t, []any{
		map[string]any{"name": "model.depth", "default": 3.0},
		map[string]any{"name": "none", "default": nil},
		map[string]any{"name": "parameters", "default": map[string]any{"model": map[string]any{"depth": 3.0}}},
	}, p["parameters"])
	require.Len(t, p["datasets"], 3)
}

func TestWorkers(t *testing.T) {
	r := newRig(t)
	require.Empty(t, r.get("/api/v1/workers").object(t)["items"])
	now := time.Now()
	require.NoError(t, r.store.SaveWorker(t.Context(), store.Worker{
		ID: "w1", Host: "h", PID: 7, Version: "1", State: store.WorkerReady, Slots: 2, Projects: []string{"sales"}, Labels: map[string]string{"gpu": "a100"}, StartedAt: now, SeenAt: now,
	}))
	id := r.submit()
	r.claim()
	w := r.get("/api/v1/workers").object(t)["items"].([]any)[0].(map[string]any)
	require.Equal(t, []any{id}, w["running"])
	require.Equal(t, "ready", w["status"])
	require.Equal(t, map[string]any{"gpu": "a100"}, w["labels"])
	require.Equal(t, []any{}, w["registries"])
	require.Equal(t, "ok", r.get("/readyz").body[:2])
	require.Equal(t, "ok\n", r.get("/livez").body)
}

// TestWorkersTellOfTheirCode: what each has published shows, and that they differ makes
// health degraded. A key sees what is of its projects only.
func TestWorkersTellOfTheirCode(t *testing.T) {
	r := newRig(t)
	read := time.Date(2026, 11, 25, 1, 20, 16, 0, time.UTC)
	publish := func(worker, project, hash string) {
		require.NoError(t, r.store.SaveWorker(t.Context(), store.Worker{ID: worker, State: store.WorkerReady, Slots: 1, StartedAt: time.Now()}))
		require.NoError(t, r.store.Publish(t.Context(), store.Registry{Project: project, Worker: worker, SourceHash: hash, ReadAt: &read, Body: []byte{0}}))
	}
	projects := func() (status string, message string) {
		h := r.get("/api/v1/health").object(t)
		c := h["checks"].(map[string]any)["projects"].(map[string]any)
		return c["status"].(string), c["message"].(string)
	}
	publish("w1", "sales", "abc")
	status, message := projects()
	require.Equal(t, "ok", status, "the same as this service's: "+message)
	publish("w1", "sales", "other")
	status, message = projects()
	require.Equal(t, "degraded", status)
	require.Contains(t, message, "sales")
	require.Contains(t, message, "worker w1 (other), this service (abc)")
	publish("w2", "sales", "third")
	publish("w2", "hr", "fourth")
	_, message = projects()
	require.Contains(t, message, "worker w2 (third)")
	require.NotContains(t, message, "hr", "only one has it")
	for _, w := range r.get("/api/v1/workers").object(t)["items"].([]any) {
		w := w.(map[string]any)
		if w["id"] == "w1" {
			require.Equal(t, []any{map[string]any{"project": "sales", "source_hash": "other", "read_at": "2026-11-25T01:20:16.000000+00:00"}}, w["registries"])
		} else {
			require.Len(t, w["registries"], 2)
		}
	}
	require.NoError(t, r.store.SaveWorker(t.Context(), store.Worker{ID: "w1", State: store.WorkerStopped}))
	require.NoError(t, r.store.SaveWorker(t.Context(), store.Worker{ID: "w2", State: store.WorkerLost}))
	status, message = projects()
	require.Equal(t, "ok", status, "who has ended has no say: "+message)
}

// TestRefreshReachesWorkers of other processes.
func TestRefreshReachesWorkers(t *testing.T) {
	r := newRig(t)
	require.Equal(t, http.StatusOK, r.call(http.MethodPost, "/api/v1/pipelines/refresh", "").status)
	asked, err := r.store.Asked(t.Context())
	require.NoError(t, err)
	require.Empty(t, asked, "there is no other")
	require.NoError(t, r.store.SaveWorker(t.Context(), store.Worker{ID: "w1", State: store.WorkerReady, StartedAt: time.Now()}))
	require.NoError(t, r.store.Publish(t.Context(), store.Registry{Project: "sales", Worker: "w1", Body: []byte{0}}))
	require.Equal(t, http.StatusOK, r.call(http.MethodPost, "/api/v1/pipelines/refresh", "").status)
	asked, err = r.store.Asked(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"sales": 1}, asked)
}

// TestDocsLoadNothingFromElsewhere holds the page and its policy.
func TestDocsLoadNothingFromElsewhere(t *testing.T) {
	r := newRig(t)
	page := r.get("/docs/")
	require.Equal(t, http.StatusOK, page.status)
	require.NotContains(t, page.body, "//", "no address but our own")
	policy := page.header.Get("Content-Security-Policy")
	require.Contains(t, policy, "default-src 'none'")
	require.Contains(t, policy, "script-src 'self';")
	require.NotContains(t, policy, "http")
	for _, m := range regexp.MustCompile(`(?:src|href)="(/[^"]+)"`).FindAllStringSubmatch(page.body, -1) {
		a := r.get(m[1])
		require.Equal(t, http.StatusOK, a.status, m[1])
		require.NotEmpty(t, a.body)
		require.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"))
	}
	require.Contains(t, r.get("/docs/LICENSE.txt").body, "Apache License")
	require.Equal(t, http.StatusNotFound, r.get("/docs/..%2fapi.go").status)
}

func TestFront(t *testing.T) {
	r := newRig(t)
	require.Contains(t, r.get("/").body, "/openapi.json")
	a := r.get("/", "Accept", "text/html,*/*")
	require.Equal(t, http.StatusSeeOther, a.status)
	require.Equal(t, "/docs", a.header.Get("Location"))
}

func TestRequestLog(t *testing.T) {
	var log lockedText
	r := newRig(t, func(o *httpapi.Options) { o.Log = textLog(&log) })
	a := r.get("/api/v1/jobs?q="+secret, "X-Request-Id", "bad id\t"+strings.Repeat("x", 200))
	id := a.header.Get("X-Request-Id")
	require.Regexp(t, `^[A-Z0-9]{16}$`, id, "an id of the client's that could confuse the log is replaced")
	require.Eventually(t, func() bool { return r.get("/livez").status == 200 && strings.Count(log.String(), "msg=request") > 0 }, 5*time.Second, time.Millisecond)
	require.Contains(t, log.String(), "id="+id+" method=GET path=/api/v1/jobs status=200")
	require.NotContains(t, log.String(), secret)
}
