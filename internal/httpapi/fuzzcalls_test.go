package httpapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzCalls: whatever a client sends, the answer is one of those that the OpenAPI
// document names, and none says that kedrod is at fault.
func FuzzCalls(f *testing.F) {
	r := newRig(f)
	id := r.submit()
	r.claim()
	_, err := r.log(id).WriteString("one\ntwo\nthree\n")
	require.NoError(f, err)
	seeds := []struct{ method, path, query, name, value, body string }{
		{"GET", "/api/v1/jobs/JOB/logs", "tail=2", "Range", "bytes=0-3,5-", ""},
		{"GET", "/api/v1/jobs/JOB/logs", "", "Range", "bytes=-5", ""},
		{"GET", "/api/v1/jobs/JOB/logs", "format=jsonl", "If-Range", `"1-0"`, ""},
		{"GET", "/api/v1/jobs/JOB", "wait=0", "If-None-Match", `W/"1"`, ""},
		{"POST", "/api/v1/jobs", "", "Idempotency-Key", "k", `{"pipeline_name": "train", "parameters": {"a": 1.0}, "labels": {"a": "b"}}`},
		{"POST", "/api/v1/jobs/cancel", "", "X-Request-Id", "a b", `{"filter": {"status": "failed"}, "expect": 0}`},
		{"POST", "/api/v1/jobs/validate", "", "Origin", "http://a", `{"pipeline_name": "train", "tags": ["a"]}`},
		{"PATCH", "/api/v1/jobs/JOB", "", "Content-Type", "multipart/x", `{"priority": 1}`},
		{"GET", "/api/v1/jobs", "cursor=abc&q=%25&label=a:b&created_since=0001-01-01T00:00:00Z", "Accept", "x", ""},
		{"GET", "/api/v1/jobs/JOB/events", "last_event_id=9-end", "Last-Event-ID", "9999999999", ""},
		{"GET", "/api/v1/jobs/%00/nodes", "attempt=1", "Authorization", "Bearer kdr_x", ""},
		{"GET", "/api/v1/stats", "window=1h", "Host", "x", ""},
	}
	for _, s := range seeds {
		f.Add(s.method, s.path, s.query, s.name, s.value, s.body)
	}
	f.Fuzz(func(t *testing.T, method, path, query, name, value, body string) {
		u, err := url.ParseRequestURI(strings.ReplaceAll(path, "JOB", id))
		if err != nil || !strings.HasPrefix(path, "/") {
			return
		}
		u.RawQuery = query
		req := httptest.NewRequest(http.MethodGet, "/", strings.NewReader(body))
		req.Method, req.URL, req.RequestURI = method, u, u.RequestURI()
		req.Header[http.CanonicalHeaderKey(name)] = []string{value}
		ctx, end := context.WithTimeout(t.Context(), 100*time.Millisecond) // for what waits or streams
		defer end()
		out := httptest.NewRecorder()
		r.handler.ServeHTTP(out, req.WithContext(ctx))
		if ctx.Err() != nil {
			return // nobody is there any more to be answered
		}
		a := reply{status: out.Code, header: out.Header(), body: out.Body.String()}
		require.Less(t, a.status, 500, "%s %s %q: %s", method, u, value, a.body)
		conforms(t, method, u.EscapedPath(), a)
	})
}
