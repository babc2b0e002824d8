package httpapi_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kedrod/kedrod/internal/httpapi"
	"github.com/kedrod/kedrod/internal/joblog"
	"github.com/kedrod/kedrod/internal/kedro"
	"github.com/kedrod/kedrod/internal/rundir"
	"github.com/kedrod/kedrod/internal/service"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// catalog is a registry that never changes.
type catalog struct{ registry kedro.Registry }

func (c *catalog) Snapshot() (kedro.Registry, bool)                { return c.registry, true }
func (c *catalog) Current() bool                                   { return true }
func (c *catalog) Refreshing() bool                                { return false }
func (c *catalog) Refresh(context.Context) (kedro.Registry, error) { return c.registry, nil }
func (c *catalog) Findings() []kedro.Finding {
	return []kedro.Finding{{Code: "x", Message: "m", Fix: "f"}}
}
func (c *catalog) Refuses(name string) (near []string, refuse bool) {
	_, ok := c.registry.Pipeline(name)
	return nil, !ok
}

func exampleRegistry() kedro.Registry {
	kind, file := "pandas.CSVDataset", "data/raw.csv"
	nodes := []kedro.PipelineNode{
		{Name: "split", Inputs: []string{"raw", "params:model.depth"}, Outputs: []string{"part"}, Tags: []string{"prepare"}, Func: "p.split"},
		{Name: "fit", Inputs: []string{"part"}, Outputs: []string{"model"}, Func: "p.fit", After: []string{"split"}},
	}
	return kedro.Registry{
		Pipelines: []kedro.Pipeline{
			{Name: "__default__", Nodes: nodes},
			{Name: "train", Nodes: nodes, Edges: []kedro.Edge{{From: "split", To: "fit"}}, Inputs: []string{"raw"}, Outputs: []string{"model"},
				Datasets: []string{"raw", "part", "model"}, Parameters: []string{"params:model.depth", "params:none", "parameters"}},
		},
		Datasets:   map[string]kedro.Dataset{"raw": {Type: &kind, Filepath: &file}},
		Parameters: map[string]kedro.Parameter{"model": {Default: json.RawMessage(`{"depth": 3}`)}},
		Kedro:      "1.7.0", Python: "3.13.1", LoadedAt: time.Date(2026, 11, 25, 1, 20, 16, 0, time.UTC), SourceHash: "abc",
	}
}

// rig is the API over the real service and a real store, without a worker.
type rig struct {
	t       testing.TB
	store   *sqlite.Store
	runs    rundir.Root
	service *service.Service
	url     string
	handler http.Handler
	http    *http.Client
	stop    context.CancelFunc
	close   func() error // of the store
}

func newRig(t testing.TB, set ...func(*httpapi.Options)) *rig {
	t.Helper()
	return newRigOf(t, []string{"sales"}, nil, set...)
}

// newRigOf serves several projects; change may alter the service's options.
func newRigOf(t testing.TB, names []string, change func(*service.Options), set ...func(*httpapi.Options)) *rig {
	t.Helper()
	dir := t.TempDir()
	s, err := sqlite.Open(t.Context(), filepath.Join(dir, "jobs.db"), sqlite.Options{})
	require.NoError(t, err)
	r := &rig{t: t, store: s, close: sync.OnceValue(s.Close), runs: rundir.New(filepath.Join(dir, "runs"))}
	t.Cleanup(func() { require.NoError(t, r.close()) })
	options := service.Options{
		Store: s, Runs: r.runs, DataDir: dir, Version: "1.2.3", Self: func() string { return "self" }, Watcher: joblog.NewWatcher(joblog.Options{}), Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	for _, name := range names {
		options.Projects = append(options.Projects, service.Project{Name: name, Path: dir, Python: "/usr/bin/python3", Catalog: &catalog{exampleRegistry()}})
	}
	if change != nil {
		change(&options)
	}
	r.service = service.New(options)
	require.NoError(t, r.service.LoadKeys(t.Context()))
	stopping, stop := context.WithCancel(context.Background())
	o := httpapi.Options{Service: r.service, Version: "1.2.3", Done: stopping.Done(), Heartbeat: time.Minute}
	for _, f := range set {
		f(&o)
	}
	server := httptest.NewServer(httpapi.New(o))
	r.url, r.http, r.stop, r.handler = server.URL, server.Client(), stop, server.Config.Handler
	t.Cleanup(func() {
		stop()
		server.CloseClientConnections()
		server.Close()
	})
	return r
}

// worker writes the row of a worker, w1 unless it is changed.
func (r *rig) worker(change func(*store.Worker)) {
	r.t.Helper()
	w := store.Worker{ID: "w1", Host: "h", PID: 1, Version: "1.2.3", State: store.WorkerReady, Slots: 1, Projects: []string{"sales"}, StartedAt: time.Now()}
	if change != nil {
		change(&w)
	}
	require.NoError(r.t, r.store.SaveWorker(r.t.Context(), w))
}

type reply struct {
	status int
	header http.Header
	body   string
}

// call is plain, with the answer held against the OpenAPI document.
func (r *rig) call(method, path, body string, headers ...string) reply {
	r.t.Helper()
	a := r.plain(method, path, body, headers...)
	conforms(r.t, method, path, a)
	return a
}

// plain sends a request; headers are name, value, name, value …
func (r *rig) plain(method, path, body string, headers ...string) reply {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(body))
	require.NoError(r.t, err)
	if body == "" {
		req.Body, req.ContentLength = http.NoBody, 0
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := r.http.Transport.RoundTrip(req)
	require.NoError(r.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	return reply{resp.StatusCode, resp.Header, string(b)}
}

func (r *rig) get(path string, headers ...string) reply {
	r.t.Helper()
	return r.call(http.MethodGet, path, "", headers...)
}

func (a reply) object(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	require.NoError(t, json.Unmarshal([]byte(a.body), &v), a.body)
	return v
}

// submit gives the id of a new job.
func (r *rig) submit() string {
	r.t.Helper()
	a := r.call(http.MethodPost, "/api/v1/jobs", `{"pipeline_name": "train"}`)
	require.Equal(r.t, http.StatusCreated, a.status, a.body)
	return a.object(r.t)["id"].(string)
}

// claim has a worker take the oldest job.
func (r *rig) claim() {
	r.t.Helper()
	ctx := r.t.Context()
	_, err := r.store.Claim(ctx, store.Claim{Worker: "w1", Limit: 1, Projects: []string{"sales"}})
	require.NoError(r.t, err)
}

// noAdvance is an advance that tells nothing.
var noAdvance = store.Advance{}

// cancelPending waits for a job to be pending and cancels it.
func (r *rig) cancelPending() {
	r.t.Helper()
	var id string
	require.Eventually(r.t, func() bool {
		items := r.get("/api/v1/jobs?status=pending").object(r.t)["items"].([]any)
		if len(items) == 1 {
			id = items[0].(map[string]any)["id"].(string)
		}
		return id != ""
	}, 10*time.Second, time.Millisecond)
	require.Equal(r.t, http.StatusOK, r.call(http.MethodPost, "/api/v1/jobs/"+id+"/cancel", "").status)
}

func textLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// lockedText is a log that a test reads while handlers write.
type lockedText struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
