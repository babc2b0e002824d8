package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/test/launch"
)

// world is all nodes with what was asked of them.
type world struct {
	t       *testing.T
	dir     string // of the locks and the journal
	project string
	serves  []*node
	workers []*node // those that run jobs; a serve may be one
	rand    *rand.Rand
	web     *http.Client

	mu       sync.Mutex
	accepted map[string]task       // by job id
	ended    map[string]client.Job // as a terminal state was first seen
	faults   map[string]int        // by what they are
}

// task is what a run is asked to do; see run/main.go.
type task struct {
	Milliseconds int    `json:"ms"`
	Lines        int    `json:"lines"`
	Exit         int    `json:"exit"`
	Leave        bool   `json:"leave"`
	Scope        string `json:"scope"`
	Limit        int    `json:"limit"`
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, dir: t.TempDir(), accepted: map[string]task{}, ended: map[string]client.Job{}, faults: map[string]int{},
		web: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 32}},
	}
	t.Cleanup(w.web.CloseIdleConnections)
	for _, folder := range []string{"jobs", "scopes"} {
		require.NoError(t, os.Mkdir(filepath.Join(w.dir, folder), 0o755))
	}
	w.project = filepath.Join(t.TempDir(), "minimal")
	require.NoError(t, os.CopyFS(w.project, os.DirFS(filepath.Join(root, "test", "projects", "minimal"))))
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("KEDROD_CHAOS_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("KEDROD_CHAOS_SEED=%d", seed)
	w.rand = rand.New(rand.NewPCG(seed, seed))
	return w
}

// faultTime is how long faults go on.
func faultTime(t *testing.T, usual time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv("KEDROD_CHAOS_SECONDS")
	if text == "" {
		return usual
	}
	seconds, err := strconv.Atoi(text)
	require.NoError(t, err)
	return time.Duration(seconds) * time.Second
}

func (w *world) marker() string { return "CHAOS_DIR=" + w.dir }

// node makes one, not started. A serve keeps its port over its lives.
func (w *world) node(verb, name string, args ...string) *node {
	w.t.Helper()
	dir := filepath.Join(w.t.TempDir(), name)
	require.NoError(w.t, os.MkdirAll(filepath.Join(dir, "cwd"), 0o755))
	n := &node{
		name: name, verb: verb, mark: "CHAOS_NODE=" + filepath.Join(dir, name), dir: filepath.Join(dir, "cwd"),
		args: append([]string{"--project", w.project, "--python", standIn, "--data-dir", filepath.Join(dir, "data"), "--stop-grace-int", "1s", "--stop-grace-term", "1s"}, args...),
		env:  launch.Environment(nil, w.marker(), "CHAOS_NODE="+filepath.Join(dir, name), "CHAOS_PYTHON="+python),
	}
	if verb == "serve" {
		address := fmt.Sprintf("127.0.0.1:%d", freePort(w.t))
		n.base = "http://" + address
		n.args = append(n.args, "--listen", address)
	}
	w.t.Cleanup(func() { n.end(w.t) })
	return n
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// call asks any serve until one answers below 500.
func (w *world) call(ctx context.Context, method, path string, header http.Header, body any) (int, []byte, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return 0, nil, err
		}
	}
	for n := rand.IntN(len(w.serves)); ; n++ {
		base := w.serves[n%len(w.serves)].base
		req, err := http.NewRequestWithContext(ctx, method, base+path, bytes.NewReader(text))
		if err != nil {
			return 0, nil, err
		}
		req.Header = header.Clone()
		if req.Header == nil {
			req.Header = http.Header{}
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := w.web.Do(req)
		if err == nil {
			answer, rerr := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if rerr == nil && res.StatusCode < 500 {
				return res.StatusCode, answer, nil
			}
		}
		select {
		case <-ctx.Done():
			return 0, nil, errors.Join(ctx.Err(), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// choose makes up a job.
func (w *world) choose() task {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := task{Milliseconds: 20 + w.rand.IntN(700), Lines: 1 + w.rand.IntN(30), Leave: w.rand.IntN(8) == 0}
	if w.rand.IntN(4) == 0 { // longer than a lease
		t.Milliseconds += 6000
	}
	if w.rand.IntN(10) == 0 {
		t.Exit = 3
	}
	if w.rand.IntN(3) == 0 {
		t.Limit = 1 + w.rand.IntN(2)
		t.Scope = fmt.Sprintf("key-%d", t.Limit)
	}
	return t
}

// submit gives a job in, repeated under one key until the answer has come; some are then
// cancelled.
func (w *world) submit(ctx context.Context, key string) error {
	t := w.choose()
	body := map[string]any{
		"pipeline_name": "sum", "parameters": map[string]any{"chaos": t}, "max_attempts": 2, "max_recoveries": 100, "timeout_seconds": 60,
		"retry_on": []string{"start_error", "killed"},
	}
	if t.Scope != "" {
		body["concurrency_key"], body["concurrency_limit"] = t.Scope, t.Limit
	}
	id, err := w.post(ctx, key, body)
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.accepted[id] = t
	cancel := w.rand.IntN(12) == 0
	w.mu.Unlock()
	if cancel {
		status, answer, err := w.call(ctx, http.MethodPost, "/api/v1/jobs/"+id+"/cancel", nil, nil)
		if err != nil {
			return err
		}
		if status != http.StatusOK {
			return fmt.Errorf("a cancel was answered with %d: %s", status, answer)
		}
	}
	return nil
}

// post submits a job and gives its id.
func (w *world) post(ctx context.Context, key string, body any) (string, error) {
	status, answer, err := w.call(ctx, http.MethodPost, "/api/v1/jobs", http.Header{"Idempotency-Key": {key}}, body)
	if err != nil {
		return "", err
	}
	var j client.Job
	if err := json.Unmarshal(answer, &j); err != nil || (status != http.StatusCreated && status != http.StatusOK) {
		return "", fmt.Errorf("a submission was answered with %d: %s", status, answer)
	}
	return j.ID, nil
}

// load submits from several clients until ctx ends, at most so many jobs ahead of what
// has ended. It returns when the last submission was answered.
func (w *world) load(ctx context.Context, clients, ahead int) error {
	var group sync.WaitGroup
	errs := make([]error, clients)
	for c := range clients {
		group.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if w.open() >= ahead {
					hold(ctx, 20*time.Millisecond)
					continue
				}
				bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
				err := w.submit(bounded, fmt.Sprintf("client-%d-%d", c, n))
				cancel()
				if err != nil {
					errs[c] = err
					return
				}
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

func (w *world) open() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.accepted) - len(w.ended)
}

// look asks for every job that was not seen to end yet; what has ended must stay as it
// was.
func (w *world) look(ctx context.Context) error {
	w.mu.Lock()
	ids := make([]string, 0, len(w.accepted))
	for id := range w.accepted {
		if _, done := w.ended[id]; !done {
			ids = append(ids, id)
		}
	}
	w.mu.Unlock()
	slices.Sort(ids)
	for _, id := range ids {
		j, err := w.job(ctx, id)
		if err != nil {
			return err
		}
		if j.Ended() {
			w.mu.Lock()
			w.ended[id] = j
			w.mu.Unlock()
		}
	}
	return nil
}

func (w *world) job(ctx context.Context, id string) (client.Job, error) {
	var j client.Job
	status, answer, err := w.call(ctx, http.MethodGet, "/api/v1/jobs/"+id, nil, nil)
	if err != nil {
		return j, err
	}
	if status != http.StatusOK {
		return j, fmt.Errorf("an accepted job is answered with %d: %s", status, answer)
	}
	return j, json.Unmarshal(answer, &j)
}

// during runs everything at once until each has returned, and looks at the jobs
// meanwhile.
func (w *world) during(ctx context.Context, acts ...func() error) {
	w.t.Helper()
	errs := make([]error, len(acts)+1)
	var group sync.WaitGroup
	for i, act := range acts {
		group.Go(func() { errs[i] = act() })
	}
	group.Go(func() {
		for ctx.Err() == nil {
			if err := w.look(ctx); err != nil && ctx.Err() == nil {
				errs[len(acts)] = err
				return
			}
			hold(ctx, 50*time.Millisecond)
		}
	})
	group.Wait()
	require.NoError(w.t, errors.Join(errs...))
	w.t.Logf("faults: %v", w.faults)
}
