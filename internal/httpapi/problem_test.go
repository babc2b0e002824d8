package httpapi_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/httpapi"
	"github.com/kedrod/kedrod/internal/service"
)

const secret = "hunter2hunter2"

// TestProblems: what is refused, how, and that no answer repeats what was sent.
func TestProblems(t *testing.T) {
	r := newRig(t, func(o *httpapi.Options) { o.MaxBody = 4096 })
	id := r.submit()
	for _, c := range []struct {
		method, path, body string
		status             int
		code               fault.Code
		field              string
	}{
		{"POST", "/api/v1/jobs", "", 400, fault.Malformed, ""},
		{"POST", "/api/v1/jobs", `{"pipeline_name": "` + secret, 400, fault.Malformed, ""},
		{"POST", "/api/v1/jobs", `"` + secret + `"`, 422, fault.Invalid, "body"},
		{"POST", "/api/v1/jobs", `{}`, 422, fault.Invalid, "pipeline_name"},
		{"POST", "/api/v1/jobs", `{"pipeline_name": "` + secret + `"}`, 422, fault.UnknownPipeline, "pipeline_name"},
		{"POST", "/api/v1/jobs", `{"pipeline_name": "train", "project": "` + secret + `"}`, 422, fault.UnknownProject, "project"},
		{"POST", "/api/v1/jobs", `{"pipeline_name": "train", "priority": "` + secret + `"}`, 422, fault.Invalid, "priority"},
		{"POST", "/api/v1/jobs", `{"pipeline_name": "train", "priority": 1000001}`, 422, fault.Invalid, "priority"},
		{"POST", "/api/v1/jobs", `{"pipeline_name": "train", "timeout_seconds": 1e20}`, 422, fault.Invalid, "timeout_seconds"},
		{"POST", "/api/v1/jobs", `{"pipeline_name": "train", "delay_seconds": -1}`, 422, fault.Invalid, "delay_seconds"},
		{"POST", "/api/v1/jobs", `{"pipeline_name": "train", "tags": ["` + secret + `"]}`, 422, fault.Invalid, "tags[0]"},
		{"POST", "/api/v1/jobs", `{"pipeline_name": "train", "retry_on": ["` + secret + `"]}`, 422, fault.Invalid, "retry_on[0]"},
		{"POST", "/api/v1/jobs", `{"pipeline_name": "train", "run_at": "` + secret + `"}`, 422, fault.Invalid, "run_at"},
		{"POST", "/api/v1/jobs", `{"pipeline_name": "train", "parameters": {"a": "` + secret + `", "a": 1}}`, 422, fault.Invalid, "parameters.a"},
		{"POST", "/api/v1/jobs", `{"pipeline_name": "train", "labels": {"a:b": "` + secret + `"}}`, 422, fault.Invalid, "labels"},
		{"POST", "/api/v1/jobs", `{"pipeline_name": "train", "prioritty": "` + secret + `"}`, 422, fault.UnknownField, "prioritty"},
		{"POST", "/api/v1/jobs", `{"pipeline_name": "train", "user_id": "` + strings.Repeat("x", 5000) + `"}`, 413, fault.TooLarge, ""},
		{"POST", "/api/v1/jobs?wait=61", `{"pipeline_name": "train"}`, 422, fault.Invalid, "query.wait"},
		{"POST", "/api/v1/jobs?wait=NaN", `{"pipeline_name": "train"}`, 422, fault.Invalid, "query.wait"},
		{"GET", "/api/v1/jobs?stauts=" + secret, "", 422, fault.UnknownField, "query.stauts"},
		{"GET", "/api/v1/jobs?status=" + secret, "", 422, fault.Invalid, "query.status"},
		{"GET", "/api/v1/jobs?label=" + secret, "", 422, fault.Invalid, "query.label"},
		{"GET", "/api/v1/jobs?schedule_id=" + secret, "", 422, fault.NotSupported, "query.schedule_id"},
		{"GET", "/api/v1/jobs?include=" + secret, "", 422, fault.Invalid, "query.include"},
		{"GET", "/api/v1/jobs?limit=" + secret, "", 422, fault.Invalid, "query.limit"},
		{"GET", "/api/v1/jobs?limit=501", "", 422, fault.Invalid, "query.limit"},
		{"GET", "/api/v1/jobs?limit=0", "", 422, fault.Invalid, "query.limit"},
		{"GET", "/api/v1/jobs?limit=1&limit=2", "", 422, fault.Invalid, "query.limit"},
		{"GET", "/api/v1/jobs?cursor=" + secret, "", 422, fault.Invalid, "query.cursor"},
		{"GET", "/api/v1/jobs?id=abc", "", 422, fault.Invalid, "query.id"},
		{"GET", "/api/v1/jobs?created_since=" + secret, "", 422, fault.Invalid, "query.created_since"},
		{"GET", "/api/v1/jobs?user_id=", "", 422, fault.Invalid, "query.user_id"},
		{"GET", "/api/v1/jobs?status=failed&status=", "", 422, fault.Invalid, "query.status"},
		{"GET", "/api/v1/jobs?created_until=", "", 422, fault.Invalid, "query.created_until"},
		{"GET", "/api/v1/jobs?limit=", "", 422, fault.Invalid, "query.limit"},
		{"GET", "/api/v1/jobs?q=%zz" + secret, "", 400, fault.Malformed, ""},
		{"GET", "/api/v1/jobs/nothing-here", "", 404, fault.NotFound, ""},
		{"GET", "/api/v1/jobs/" + id + "?follow=" + secret, "", 422, fault.UnknownField, "query.follow"},
		{"POST", "/api/v1/jobs/nothing-here/cancel", "", 404, fault.NotFound, ""},
		{"GET", "/api/v1/jobs/nothing-here/logs", "", 404, fault.NotFound, ""},
		{"GET", "/api/v1/jobs/nothing-here/logs?follow=true", "", 404, fault.NotFound, ""},
		{"GET", "/api/v1/jobs/" + id + "/logs?tail=-1", "", 422, fault.Invalid, "query.tail"},
		{"GET", "/api/v1/jobs/" + id + "/logs?attempt=2", "", 404, fault.NotFound, ""},
		{"GET", "/api/v1/jobs/" + id + "/logs?follow=1&last_event_id=" + secret, "", 422, fault.Invalid, "query.last_event_id"},
		{"GET", "/api/v1/jobs/nothing-here/events", "", 404, fault.NotFound, ""},
		{"GET", "/api/v1/jobs/" + id + "/logs?last_event_id=null", "", 422, fault.Invalid, "query.last_event_id"}, // also where nothing is followed
		{"GET", "/api/v1/jobs/" + id + "/logs?last_event_id=-end", "", 422, fault.Invalid, "query.last_event_id"},
		{"GET", "/api/v1/events?last_event_id=%2B3", "", 422, fault.Invalid, "query.last_event_id"},
		{"GET", "/api/v1/events?last_event_id=1234567890123456789", "", 422, fault.Invalid, "query.last_event_id"},
		{"GET", "/api/v1/jobs/" + id + "/events?last_event_id=-3", "", 422, fault.Invalid, "query.last_event_id"},
		{"GET", "/api/v1/events?last_event_id=" + secret, "", 422, fault.Invalid, "query.last_event_id"},
		{"GET", "/api/v1/jobs/nothing-here/attempts", "", 404, fault.NotFound, ""},
		{"GET", "/api/v1/jobs/nothing-here/nodes", "", 404, fault.NotFound, ""},
		{"GET", "/api/v1/pipelines?project=" + secret, "", 422, fault.UnknownProject, "query.project"},
		{"GET", "/api/v1/pipelines/trian", "", 404, fault.NotFound, ""},
		{"POST", "/api/v1/pipelines/refresh?project=" + secret, "", 422, fault.UnknownProject, "query.project"},
		{"GET", "/api/v1/" + secret, "", 404, fault.NotFound, ""},
		{"GET", "/metrics", "", 404, fault.NotFound, ""},
		{"POST", "/api/v1/jobs/other", "{}", 405, fault.MethodNotAllowed, ""},
		{"POST", "/api/v1/schedules", "{}", 404, fault.NotFound, ""},
		{"PATCH", "/api/v1/jobs", "{}", 405, fault.MethodNotAllowed, ""},
		{"PUT", "/api/v1/jobs/" + id, "", 405, fault.MethodNotAllowed, ""},
		{"PUT", "/api/v1/pipelines/refresh", "", 405, fault.MethodNotAllowed, ""},
		{"GET", "/docs/nothing.js", "", 404, fault.NotFound, ""},
	} {
		t.Run(c.method+" "+c.path+" "+cutText(c.body), func(t *testing.T) {
			a := r.call(c.method, c.path, c.body)
			require.Equal(t, c.status, a.status, a.body)
			require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
			p := a.object(t)
			require.Equal(t, string(c.code), p["code"])
			require.InDelta(t, c.status, p["status"], 0)
			require.NotEmpty(t, p["detail"])
			require.NotEmpty(t, p["title"])
			if c.field != "" {
				require.Len(t, p["errors"], 1, a.body)
				require.Equal(t, c.field, p["errors"].([]any)[0].(map[string]any)["field"])
			}
			require.NotContains(t, a.body, secret, "a problem must not repeat what was sent")
			if c.status == http.StatusMethodNotAllowed {
				require.NotEmpty(t, a.header.Get("Allow"))
			}
		})
	}
}

func cutText(s string) string { return s[:min(len(s), 40)] }

func TestEveryCodeHasItsStatus(t *testing.T) {
	want := map[fault.Code]int{
		fault.Malformed: 400, fault.Unauthenticated: 401, fault.Forbidden: 403, fault.NotFound: 404, fault.MethodNotAllowed: 405,
		fault.Conflict: 409, fault.TooLarge: 413, fault.BadRange: 416, fault.Invalid: 422, fault.UnknownField: 422,
		fault.UnknownPipeline: 422, fault.UnknownProject: 422, fault.NotSupported: 422, fault.RateLimited: 429,
		fault.Internal: 500, fault.Unavailable: 503,
	}
	for code, status := range want {
		require.Equal(t, status, httpapi.StatusOf(code), code)
	}
}

func TestAllow(t *testing.T) {
	r := newRig(t)
	require.Equal(t, "GET, HEAD, POST", r.call("DELETE", "/api/v1/jobs", "").header.Get("Allow"))
	require.Equal(t, "GET, HEAD, POST", r.call("PUT", "/api/v1/pipelines/refresh", "").header.Get("Allow"))
	require.Equal(t, "GET, HEAD", r.call("POST", "/api/v1/health", "").header.Get("Allow"))
}

func TestAuthenticatorRefuses(t *testing.T) {
	r := newRig(t, func(o *httpapi.Options) {
		o.Authenticate = func(req *http.Request) (service.Caller, error) {
			switch req.Header.Get("Authorization") {
			case "":
				return service.Caller{}, fault.New(fault.Unauthenticated, "send a key")
			case "Bearer viewer":
				return service.Caller{Rights: []service.Right{service.Read}}, nil
			}
			return service.Anonymous(), nil
		}
	})
	a := r.get("/metrics")
	require.Equal(t, http.StatusNotFound, a.status)
	require.Equal(t, http.StatusOK, r.get("/api/v1/health").status)
	require.Equal(t, http.StatusOK, r.get("/livez").status)
	a = r.plain(http.MethodGet, "/api/v1/jobs", "")
	require.Equal(t, http.StatusUnauthorized, a.status)
	require.NotEmpty(t, a.header.Get("WWW-Authenticate"))
	require.Equal(t, http.StatusForbidden, r.call("POST", "/api/v1/jobs", `{"pipeline_name":"train"}`, "Authorization", "Bearer viewer").status)
	require.Equal(t, http.StatusCreated, r.call("POST", "/api/v1/jobs", `{"pipeline_name":"train"}`, "Authorization", "Bearer all").status)
}

// TestOtherSites: a page in a browser must not act here on its own.
func TestOtherSites(t *testing.T) {
	r := newRig(t, func(o *httpapi.Options) { o.AllowedHosts = []string{"localhost", "127.0.0.1", "::1"} })
	body := `{"pipeline_name":"train"}`
	for _, headers := range [][]string{
		{"Sec-Fetch-Site", "cross-site"},
		{"Origin", "https://evil.example"},
		{"Origin", "null"},
		{"Sec-Fetch-Site", "same-site", "Content-Type", "text/plain"},
	} {
		a := r.call("POST", "/api/v1/jobs", body, headers...)
		require.Equal(t, http.StatusForbidden, a.status, headers)
		require.Equal(t, "forbidden", a.object(t)["code"])
	}
	require.Equal(t, http.StatusForbidden, r.get("/api/v1/jobs", "Host", "evil.example:8000").status)
	require.Equal(t, http.StatusForbidden, r.get("/api/v1/jobs", "Host", "localhost.evil.example").status)
	for _, host := range []string{"LOCALHOST:1", "[::1]:8000", "[::1]", "127.0.0.1"} {
		require.Equal(t, http.StatusOK, r.get("/api/v1/jobs", "Host", host).status, host)
	}
	require.Empty(t, r.get("/api/v1/jobs", "Origin", "https://evil.example").header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, http.StatusCreated, r.call("POST", "/api/v1/jobs", body, "Origin", r.url, "Sec-Fetch-Site", "same-origin").status)
}

func TestPanicIsAnsweredAndLogged(t *testing.T) {
	var log lockedText
	r := newRig(t, func(o *httpapi.Options) {
		o.Log = textLog(&log)
		o.Authenticate = func(*http.Request) (service.Caller, error) { panic(secret) }
	})
	a := r.get("/api/v1/jobs", "X-Request-Id", "mine-1")
	require.Equal(t, http.StatusInternalServerError, a.status)
	require.Equal(t, "internal", a.object(t)["code"])
	require.Equal(t, "mine-1", a.header.Get("X-Request-Id"))
	require.NotContains(t, a.body, secret)
	require.Contains(t, log.String(), "problem_test.go")
	require.Contains(t, log.String(), "id=mine-1")
}

func TestStoreGone(t *testing.T) {
	r := newRig(t)
	require.NoError(t, r.close())
	a := r.call("POST", "/api/v1/jobs", `{"pipeline_name":"train"}`)
	require.GreaterOrEqual(t, a.status, 500)
	require.NotContains(t, a.body, "sql")
	a = r.get("/api/v1/health")
	require.Equal(t, http.StatusServiceUnavailable, a.status)
	require.Equal(t, "down", a.object(t)["status"])
	require.Equal(t, http.StatusServiceUnavailable, r.get("/readyz").status)
	require.Equal(t, http.StatusOK, r.get("/livez").status)
}

// TestCausesStayInTheLog: an error that is no fault is for us alone.
func TestCausesStayInTheLog(t *testing.T) {
	var log lockedText
	r := newRig(t, func(o *httpapi.Options) {
		o.Log = textLog(&log)
		o.Authenticate = func(req *http.Request) (service.Caller, error) {
			if req.Method == http.MethodHead {
				return service.Caller{}, fault.Wrap(errors.New(secret), fault.Unavailable, "not now")
			}
			return service.Caller{}, errors.New(secret)
		}
	})
	a := r.get("/api/v1/jobs")
	require.Equal(t, http.StatusInternalServerError, a.status)
	require.NotContains(t, a.body, secret)
	require.Contains(t, log.String(), secret)
	a = r.call(http.MethodHead, "/api/v1/jobs", "")
	require.Equal(t, http.StatusServiceUnavailable, a.status)
	require.Equal(t, "1", a.header.Get("Retry-After"))
}

// TestTooLarge: also a client that sends everything before it looks gets its answer.
func TestTooLarge(t *testing.T) {
	r := newRig(t)
	body := strings.Repeat(" ", httpapi.DefaultMaxBody+1)
	require.Equal(t, http.StatusRequestEntityTooLarge, r.call("POST", "/api/v1/jobs", body).status)

	reader, writer := io.Pipe() // of a length that is not told
	go func() {
		_, err := io.WriteString(writer, body)
		_ = writer.CloseWithError(err)
	}()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/api/v1/jobs", reader)
	require.NoError(t, err)
	resp, err := r.http.Transport.RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusRequestEntityTooLarge, resp.StatusCode)

	large := `{"pipeline_name":"train","parameters":{"x":"` + strings.Repeat("x", 3<<20) + `"}}`
	require.Equal(t, http.StatusCreated, r.call("POST", "/api/v1/jobs", large).status)
}

func TestDeepNestingIsCalledSo(t *testing.T) {
	r := newRig(t)
	a := r.call("POST", "/api/v1/jobs", `{"pipeline_name":"train","parameters":{"x":`+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)+`}}`)
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	require.Contains(t, a.body, "deep")
}

func TestAnEmptyIdempotencyKeyIsRefused(t *testing.T) {
	r := newRig(t)
	a := r.call("POST", "/api/v1/jobs", `{"pipeline_name":"train"}`, "Idempotency-Key", "")
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
}

func TestAPathThatIsNotCleanIsAProblem(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"//api//v1/jobs", "/api/v1/jobs/../../x", "/./docs"} {
		a := r.plain("GET", path, "")
		require.Equal(t, http.StatusNotFound, a.status, path)
		require.Equal(t, "application/problem+json", a.header.Get("Content-Type"), path)
	}
}
