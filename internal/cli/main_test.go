package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kedrod/kedrod/client"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// now is the clock of every test.
var now = time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC)

// fake is a service with canned answers.
type fake struct {
	*httptest.Server
	mu       sync.Mutex
	requests []string          // method and path of each
	bodies   []string          // of each
	answers  map[string]string // by "METHOD path", the query left out; a status may stand before the body
	handlers map[string]http.HandlerFunc
}

func newFake(t *testing.T, answers map[string]string) *fake {
	t.Helper()
	f := &fake{answers: answers, handlers: map[string]http.HandlerFunc{}}
	f.Server = httptest.NewServer(http.HandlerFunc(f.answer))
	t.Cleanup(f.Server.Close)
	return f
}

func (f *fake) answer(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	f.requests = append(f.requests, r.Method+" "+r.URL.RequestURI())
	f.bodies = append(f.bodies, string(body))
	handler, answer := f.handlers[r.Method+" "+r.URL.Path], f.answers[r.Method+" "+r.URL.Path]
	f.mu.Unlock()
	status := 404
	switch {
	case handler != nil:
		handler(w, r)
		return
	case answer == "":
		answer = `{"title":"Not Found","status":404,"code":"not_found","detail":"there is no such job"}`
	default:
		status = 200
		if _, err := fmt.Sscanf(answer, "%d ", &status); err == nil {
			answer = answer[4:]
		}
	}
	if strings.HasPrefix(answer, "event:") {
		w.Header().Set("Content-Type", "text/event-stream")
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, answer)
}

// ran is what a call of the command line came to.
type ran struct {
	code     int
	out, err string
}

type option func(*Program)

// onTerminal lets both outputs be a terminal of a width.
func onTerminal(width int) option {
	return func(p *Program) { p.Terminal = func(io.Writer) (int, bool) { return width, true } }
}

func environ(entries ...string) option {
	return func(p *Program) { p.Environ = append(p.Environ, entries...) }
}

func stdin(text string) option { return func(p *Program) { p.Streams.In = strings.NewReader(text) } }

func backend(b Backend) option { return func(p *Program) { p.Backend = b } }

func run(ctx context.Context, t *testing.T, url string, args []string, options ...option) ran {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var out, errs bytes.Buffer
	p := Program{
		Version: "1.2.3", Streams: Streams{In: strings.NewReader(""), Out: &out, Err: &errs},
		Environ: []string{"HOME=/home/u", "KEDROD_URL=" + url}, Dir: t.TempDir(),
		Terminal: func(io.Writer) (int, bool) { return 0, false },
		Now:      func() time.Time { return now }, Zone: time.UTC,
	}
	for _, o := range options {
		o(&p)
	}
	code := p.Run(ctx, args)
	hide := strings.NewReplacer(url, "http://SERVER", p.Dir, "DIR", strings.TrimPrefix(url, "http://"), "SERVER")
	if url == "" {
		hide = strings.NewReplacer(p.Dir, "DIR")
	}
	return ran{code, hide.Replace(out.String()), hide.Replace(errs.String())}
}

func (r ran) String() string {
	return fmt.Sprintf("exit %d\n-- stdout --\n%s-- stderr --\n%s", r.code, r.out, r.err)
}

// golden compares what was said with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

const (
	idA = "019ab2c4-5d3c-7c6e-8d0a-3f1b2cab12cd"
	idB = "019ab2c4-5d3c-7c6e-8d0a-3f1b2cab34ef"
)

func at(ago time.Duration) client.Time { return client.Time{Time: now.Add(-ago)} }

func ptr[T any](v T) *T { return &v }

func aJob(status string, change ...func(*client.Job)) client.Job {
	j := client.Job{ID: idA, PipelineName: "train", Project: "sales", Status: status, CreatedAt: at(3 * time.Minute), TimeoutSeconds: 1800,
		MaxAttempts: 1, MaxRecoveries: 3, Parameters: json.RawMessage(`{"n":1.0}`), WebURL: "http://host/jobs/" + idA}
	if status != "pending" {
		j.Attempt, j.StartedAt, j.Worker = 1, ptr(at(2*time.Minute)), ptr("w-1")
	}
	if j.Ended() {
		j.CompletedAt, j.ExecutionTime = ptr(at(time.Minute)), ptr(12.41)
	}
	if status == "failed" {
		j.Reason, j.ErrorMessage = ptr("pipeline_error"), ptr("ValueError: no rows\nleft in 'sales'")
	}
	for _, c := range change {
		c(&j)
	}
	return j
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return string(b)
}

func page(t *testing.T, jobs ...client.Job) string {
	t.Helper()
	return asJSON(t, client.Page[client.Job]{Items: jobs})
}
