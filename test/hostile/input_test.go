package hostile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/httpapi"
)

// refused holds an answer to a request that is to be refused: a problem, short, and
// without what was sent.
func refused(t *testing.T, a reply, what string) {
	t.Helper()
	require.GreaterOrEqual(t, a.status, 400, "%s: %s", what, a.body)
	require.Less(t, a.status, 500, "%s: %s", what, a.body)
	require.Less(t, len(a.body), 64<<10, what)
	if a.header.Get("Content-Type") != "" {
		require.Contains(t, a.header.Get("Content-Type"), "application/problem+json", "%s: %s", what, a.body)
	}
}

// odd are texts that somebody may send for a name.
func odd() map[string]string {
	return map[string]string{
		"option": "--help", "short option": "-h", "options": "-rf", "sibling": "../x", "below": "a/b", "dots": "..", "path": "../../etc/passwd", "absolute": "/etc/passwd", "NUL": "a\x00b", "break": "a\nb\r\nc",
		"escape": "\x1b[2J", "right to left": "\u202eabc", "emoji": "👩‍👩‍👧", "no character": "\ufffe", "replacement": "\ufffd", "combining": "é́",
		"blank": " ", "quote": `'"; DROP TABLE jobs; --`, "template": "{{7*7}}${jndi:x}", "percent": "%s%n%00", "wildcard": "%_*?", "long": strings.Repeat("é", 20_000),
		"yaml": "!!python/object/apply:os.system [x]", "comma": "a,b", "html": "<script>alert(1)</script>", "null": "null", "number": "1e999",
	}
}

// TestOddTexts: every text of a submission with every odd value is refused, or comes
// back as it was sent.
func TestOddTexts(t *testing.T) {
	s := newServer(t)
	fields := []string{
		"pipeline_name", "user_id", "project", "env", "tags", "node_names", "from_nodes", "to_nodes", "retry_on", "run_at", "expires_at", "parameters", "labels", "requires",
		"concurrency_key", "from_inputs", "to_outputs", "namespaces", "pipeline_names", "load_versions", "conf_source", "runner", "runner_params", "callback_url",
	}
	for name, text := range odd() {
		for _, field := range fields {
			what := field + " " + name
			body := map[string]any{"pipeline_name": "train"}
			switch field {
			case "tags", "node_names", "from_nodes", "to_nodes", "retry_on", "from_inputs", "to_outputs", "namespaces", "pipeline_names":
				body[field] = []string{text}
			case "labels", "requires", "load_versions", "runner_params":
				body[field] = map[string]string{text: text}
			case "parameters":
				body[field] = map[string]any{text: []any{text}}
			default:
				body[field] = text
			}
			b, err := json.Marshal(body)
			require.NoError(t, err)
			a := s.call(http.MethodPost, "/api/v1/jobs", bytes.NewReader(b))
			if a.status != http.StatusCreated {
				refused(t, a, what)
				continue
			}
			require.True(t, field == "parameters" || !strings.ContainsRune(text, 0), what)
			var j map[string]any
			require.NoError(t, json.Unmarshal([]byte(a.body), &j))
			a = s.call(http.MethodGet, "/api/v1/jobs/"+j["id"].(string), nil)
			var got map[string]any
			require.NoError(t, json.Unmarshal([]byte(a.body), &got))
			want, err := json.Marshal(body[field])
			require.NoError(t, err)
			have, err := json.Marshal(got[field])
			require.NoError(t, err)
			require.JSONEq(t, string(want), string(have), what)
		}
	}
}

// TestOddPathsAndQueries: none is a fault of ours, and each answer is a problem or
// what was asked for.
func TestOddPathsAndQueries(t *testing.T) {
	s := newServer(t)
	ref, _ := s.running()
	texts := odd()
	texts["broken"] = "\xff\xfe"
	texts["header sized"] = strings.Repeat("a", 50_000)
	for name, text := range texts {
		for _, path := range []string{"/api/v1/jobs/%s", "/api/v1/jobs/%s/logs", "/api/v1/jobs/%s/events", "/api/v1/jobs/%s/nodes", "/api/v1/pipelines/%s", "/docs/%s", "/%s"} {
			a := s.call(http.MethodGet, fmt.Sprintf(path, url.PathEscape(text)), nil)
			if a.status != http.StatusMovedPermanently && a.status != http.StatusTemporaryRedirect {
				refused(t, a, path+" "+name)
			}
		}
		list := []string{"id", "status", "pipeline_name", "user_id", "submitted_by", "project", "created_since", "created_until", "q", "include", "limit", "cursor", "no_such"}
		for _, p := range list {
			a := s.call(http.MethodGet, "/api/v1/jobs?"+url.Values{p: {text}}.Encode(), nil)
			if a.status != http.StatusOK {
				refused(t, a, p+" "+name)
			}
		}
		for _, p := range []string{"attempt", "tail", "format", "follow", "last_event_id"} {
			a := s.call(http.MethodGet, "/api/v1/jobs/"+ref.JobID+"/logs?"+url.Values{p: {text}}.Encode(), nil)
			if a.status != http.StatusOK {
				refused(t, a, p+" "+name)
			}
		}
		if strings.ContainsFunc(text, unicode.IsControl) {
			continue // no client can send it in a header
		}
		for _, h := range []string{"Idempotency-Key", "If-None-Match", "Range", "If-Range", "Last-Event-ID", "X-Request-Id", "Origin", "Authorization"} {
			a := s.call(http.MethodGet, "/api/v1/jobs/"+ref.JobID+"/logs", nil, h, text)
			if a.status != http.StatusOK {
				refused(t, a, h+" "+name)
			}
		}
		a := s.call(http.MethodPost, "/api/v1/jobs", strings.NewReader(`{"pipeline_name": "train"}`), "Idempotency-Key", text)
		if a.status != http.StatusCreated {
			refused(t, a, "Idempotency-Key "+name)
		}
	}
	for _, p := range []string{"id=abcdef", "status=failed", "pipeline_name=a", "user_id=b", "include=results", "x=1"} {
		a := s.call(http.MethodGet, "/api/v1/jobs?"+strings.Repeat(p+"&", 60_000/(len(p)+1)), nil)
		refused(t, a, "many "+p)
	}
}

// TestManyMistakes: a request of a million mistakes is not answered by a million
// sentences, nor deep nesting by a deep stack.
func TestManyMistakes(t *testing.T) {
	s := newServer(t)
	var fields strings.Builder
	for i := range 300_000 {
		fmt.Fprintf(&fields, `,"pipeline_nam%d":1`, i)
	}
	const deep = 100_000
	for name, body := range map[string]string{
		"unknown fields":  `{"pipeline_name":"train"` + fields.String() + `}`,
		"many tags":       `{"pipeline_name":"train","tags":["` + strings.Repeat(`a","`, 3_000_000) + `"]}`,
		"many reasons":    `{"pipeline_name":"train","retry_on":["` + strings.Repeat(`a","`, 9_000) + `"]}`,
		"deep lists":      `{"pipeline_name":"train","parameters":{"a":` + strings.Repeat("[", deep) + strings.Repeat("]", deep) + `}}`,
		"deep objects":    `{"pipeline_name":"train","parameters":` + strings.Repeat(`{"a":`, deep) + "1" + strings.Repeat("}", deep) + `}`,
		"deep, no end":    strings.Repeat(`{"a":`, deep),
		"deep, top":       strings.Repeat("[", deep) + strings.Repeat("]", deep),
		"deep somewhere":  `{"pipeline_name":` + strings.Repeat("[", deep) + strings.Repeat("]", deep) + `}`,
		"large number":    `{"pipeline_name":"train","priority":1` + strings.Repeat("0", 1_000_000) + `}`,
		"number's power":  `{"pipeline_name":"train","timeout_seconds":1e999999999}`,
		"UTF-16":          "\xff\xfe{\x00}\x00",
		"half surrogate":  `{"pipeline_name":"\ud800"}`,
		"raw NUL":         "{\"pipeline_name\":\"a\x00\"}",
		"two values":      `{"pipeline_name":"train"}{"pipeline_name":"train"}`,
		"same name twice": `{"pipeline_name":"train","pipeline_name":"other"}`,
	} {
		refused(t, s.call(http.MethodPost, "/api/v1/jobs", strings.NewReader(body)), name)
		refused(t, s.call(http.MethodPost, "/api/v1/jobs", struct{ io.Reader }{strings.NewReader(body)}), name+", chunked")
		for _, path := range []string{"/api/v1/jobs/batch", "/api/v1/jobs/cancel", "/api/v1/jobs/retry", "/api/v1/keys", "/api/v1/pipelines/refresh"} {
			refused(t, s.call(http.MethodPost, path, strings.NewReader(body)), name+" to "+path)
		}
	}
	nested := strings.Repeat(`{"a":`, deep) + "1" + strings.Repeat("}", deep)
	for path, body := range map[string]string{
		"/api/v1/jobs/batch": `{"items":[{"pipeline_name":"train","parameters":` + nested + `}]}`, "/api/v1/jobs/cancel": `{"expect":1,"filter":` + nested + `}`,
		"/api/v1/jobs/retry": `{"expect":1,"filter":{"status":` + nested + `}}`, "/api/v1/keys": `{"name":"n","projects":` + nested + `}`,
	} {
		refused(t, s.call(http.MethodPost, path, strings.NewReader(body)), "deep, to "+path)
	}
	refused(t, s.call(http.MethodPatch, "/api/v1/jobs/x", strings.NewReader(`{"labels":`+nested+`}`)), "deep patch")
	refused(t, s.call(http.MethodGet, "/api/v1/jobs?label="+strings.Repeat("[", 50_000), nil), "deep filter of a list")
}

// endless is a body of so many bytes of one JSON string.
type endless struct{ left int64 }

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), e.left)
	for i := range p[:n] {
		p[i] = '"'
	}
	e.left -= n
	return int(n), nil
}

// TestGigabyteBodies: they are refused, and never held.
func TestGigabyteBodies(t *testing.T) {
	s := newServer(t)
	before := allocated()
	for range 3 {
		for _, chunked := range []bool{true, false} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/api/v1/jobs", &endless{1 << 30})
			require.NoError(t, err)
			if !chunked {
				req.ContentLength = 1 << 30
			}
			resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
			if err != nil { // the server hung up in the middle, which it may after a while
				continue
			}
			require.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode)
			require.NoError(t, resp.Body.Close())
		}
	}
	grown := allocated() - before
	t.Logf("%d MiB were taken from the heap in all", grown>>20)
	require.Less(t, grown, uint64(300<<20))
}

// TestAnnouncedBodies: what is announced and does not come costs nothing.
func TestAnnouncedBodies(t *testing.T) {
	s := newServer(t)
	before := allocated()
	for range 200 {
		conn := s.dial()
		_, err := fmt.Fprintf(conn, "POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n{", httpapi.DefaultMaxBody)
		require.NoError(t, err)
	}
	a := s.call(http.MethodPost, "/api/v1/jobs", strings.NewReader(`{"pipeline_name":"train","parameters":{"x":"`+strings.Repeat("x", 3<<20)+`"}}`))
	require.Equal(t, http.StatusCreated, a.status, "others go on meanwhile: %s", a.body[:min(300, len(a.body))])
	grown := allocated() - before
	t.Logf("%d MiB were taken from the heap in all", grown>>20)
	require.Less(t, grown, uint64(300<<20))
}
