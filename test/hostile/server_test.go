package hostile

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/httpapi"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/joblog"
	"github.com/kedrod/kedrod/internal/kedro"
	"github.com/kedrod/kedrod/internal/rundir"
	"github.com/kedrod/kedrod/internal/service"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/sqlite"
)

// unknown is a registry that nobody has read yet: no name is refused by it.
type unknown struct{}

func (unknown) Snapshot() (kedro.Registry, bool)                { return kedro.Registry{}, false }
func (unknown) Current() bool                                   { return false }
func (unknown) Refreshing() bool                                { return false }
func (unknown) Refresh(context.Context) (kedro.Registry, error) { return kedro.Registry{}, nil }
func (unknown) Findings() []kedro.Finding                       { return nil }
func (unknown) Refuses(string) ([]string, bool)                 { return nil, false }

// counted counts reads of the table of events.
type counted struct {
	*sqlite.Store
	reads atomic.Int64
}

func (c *counted) Events(ctx context.Context, jobID string, after int64, limit int) ([]job.Event, error) {
	c.reads.Add(1)
	return c.Store.Events(ctx, jobID, after, limit)
}

// server is the API over a real store, without a worker.
type server struct {
	t     *testing.T
	store *counted
	runs  rundir.Root
	url   string
}

func newServer(t *testing.T) *server {
	t.Helper()
	dir := t.TempDir()
	db, err := sqlite.Open(t.Context(), filepath.Join(dir, "jobs.db"), sqlite.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	s := &server{t: t, store: &counted{Store: db}, runs: rundir.New(filepath.Join(dir, "runs"))}
	svc := service.New(service.Options{
		Store: s.store, Runs: s.runs, DataDir: dir, Version: "1.2.3", Self: func() string { return "self" }, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Watcher:  joblog.NewWatcher(joblog.Options{}),
		Projects: []service.Project{{Name: "sales", Path: "/srv/sales", Python: "/usr/bin/python3", Catalog: unknown{}}},
	})
	require.NoError(t, svc.LoadKeys(t.Context()))
	require.NoError(t, svc.LoadKeys(t.Context()))
	stopping, stop := context.WithCancel(context.Background())
	h := httptest.NewServer(httpapi.New(httpapi.Options{Service: svc, Version: "1.2.3", Done: stopping.Done(), Heartbeat: time.Minute}))
	s.url = h.URL
	t.Cleanup(func() {
		stop()
		h.CloseClientConnections()
		h.Close()
	})
	return s
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (s *server) call(method, path string, body io.Reader, headers ...string) reply {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, body)
	require.NoError(s.t, err)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	require.NoError(s.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(s.t, err)
	return reply{resp.StatusCode, resp.Header, string(b)}
}

// running gives a job that a worker has, with its log.
func (s *server) running() (job.Ref, string) {
	s.t.Helper()
	a := s.call(http.MethodPost, "/api/v1/jobs", strings.NewReader(`{"pipeline_name": "train"}`))
	require.Equal(s.t, http.StatusCreated, a.status, a.body)
	var j struct{ ID string }
	require.NoError(s.t, json.Unmarshal([]byte(a.body), &j))
	claimed, err := s.store.Claim(s.t.Context(), store.Claim{Worker: "w1", Limit: 1, Projects: []string{"sales"}})
	require.NoError(s.t, err)
	require.Len(s.t, claimed, 1)
	dir := s.runs.Attempt(j.ID, 1)
	require.NoError(s.t, dir.Make())
	f, err := joblog.Create(dir.Log())
	require.NoError(s.t, err)
	require.NoError(s.t, f.Close())
	return job.Ref{JobID: j.ID, Attempt: 1, Worker: "w1"}, dir.Log()
}

// memory is what this process's Go side holds.
func memory() int64 {
	runtime.GC()
	runtime.GC() // what pools hold outlives one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// allocated is what this process has taken from its heap in all so far: what is given
// back again counts too.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// dial opens a connection that stays open until the test's end.
func (s *server) dial() net.Conn {
	s.t.Helper()
	conn, err := (&net.Dialer{}).DialContext(s.t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(s.t, err)
	s.t.Cleanup(func() { _ = conn.Close() })
	return conn
}
