package client

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNewRefusesWhatIsNoAddress(t *testing.T) {
	for _, bad := range []string{"", "localhost:8000", "ftp://x", "http://", "http://x?a=b", "http://x#y", "://"} {
		_, err := New(bad, Config{})
		require.Error(t, err, bad)
	}
	c, err := New("https://user:secret@host/base/", Config{})
	require.NoError(t, err)
	require.Equal(t, "https://user:xxxxx@host/base", c.URL())
}

func TestSubmitSendsWhatIsAskedFor(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		require.Equal(t, "POST /api/v1/jobs?wait=2.5", r.Method+" "+r.URL.String())
		require.Equal(t, "Bearer sesame", r.Header.Get("Authorization"))
		require.Equal(t, "kedrod-client", r.Header.Get("User-Agent"))
		require.Equal(t, "mine", r.Header.Get("Idempotency-Key"))
		require.JSONEq(t, `{"pipeline_name":"train","parameters":{"n":1.0},"tags":["a"]}`, string(body))
		require.Contains(t, string(body), "1.0", "numbers are sent as they were given")
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte(`{"id":"j1","status":"completed","created_at":"2026-11-25T01:20:16.340000+00:00"}`))
	})
	job, err := c.Submit(soon(t), Submission{PipelineName: "train", Parameters: json.RawMessage(`{"n":1.0}`), Options: Options{Tags: []string{"a"}}},
		SubmitOptions{Wait: 2500 * time.Millisecond, IdempotencyKey: "mine"})
	require.NoError(t, err)
	require.Equal(t, "j1", job.ID)
	require.True(t, job.Ended())
	require.Equal(t, 340*time.Millisecond, time.Duration(job.CreatedAt.Nanosecond()))
}

// A submission whose answer is lost is sent again under the same key, so that the
// service can tell that it has the job.
func TestSubmitAgainHasTheSameKey(t *testing.T) {
	for name, lose := range map[string]func(http.ResponseWriter){
		"no answer": func(http.ResponseWriter) { cutOff() },
		"half an answer": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"id":`))
			_ = http.NewResponseController(w).Flush()
			cutOff()
		},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var keys []string
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				keys = append(keys, r.Header.Get("Idempotency-Key"))
				first := len(keys) == 1
				mu.Unlock()
				if first {
					lose(w)
				}
				_, _ = w.Write([]byte(`{"id":"j1"}`))
			})
			_, err := c.Submit(soon(t), Submission{PipelineName: "p"}, SubmitOptions{})
			require.NoError(t, err)
			require.Len(t, keys, 2)
			require.NotEmpty(t, keys[0])
			require.Equal(t, keys[0], keys[1])

			_, err = c.Submit(soon(t), Submission{PipelineName: "p"}, SubmitOptions{})
			require.NoError(t, err)
			require.NotEqual(t, keys[0], keys[2], "another submission is another job")
		})
	}
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		name, body, contentType string
		status                  int
		want                    string
	}{
		{"problem", `{"title":"Unprocessable Entity","status":422,"code":"unknown_pipeline","detail":"no pipeline trian; train is the nearest",
			"errors":[{"field":"pipeline_name","message":"train is the nearest"},{"field":"x","message":"unknown field"}]}`,
			"application/problem+json", 422, "no pipeline trian; train is the nearest; x: unknown field"},
		{"a proxy's page", "<html>", "text/html", 502, "the server answered 502 Bad Gateway, and not in kedrod's form: check the URL"},
		{"nothing", "", "", 404, "the server answered 404 Not Found, and not in kedrod's form: check the URL"},
		{"other JSON", "[]", "application/json", 500, "the server answered 500 Internal Server Error, and not in kedrod's form: check the URL"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", test.contentType)
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			})
			_, err := c.Job(soon(t), "x", 0)
			var refused *Error
			require.ErrorAs(t, err, &refused)
			require.Equal(t, test.status, refused.StatusCode)
			require.Equal(t, test.status, refused.Problem.Status)
			require.Equal(t, 7*time.Second, refused.RetryAfter)
			require.EqualError(t, err, test.want)
		})
	}
}

func TestNoServer(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	url := server.URL
	server.Close()
	c, err := New(url, Config{})
	require.NoError(t, err)
	_, err = c.Job(soon(t), "x", 0)
	var conn *ConnError
	require.ErrorAs(t, err, &conn)
	require.Contains(t, err.Error(), "no server at "+url+": start one with kedrod serve, or set --url or KEDROD_URL")
}

func TestCancelledContextIsNoMissingServer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	_, err := c.Job(ctx, "x", time.Second)
	require.ErrorIs(t, err, context.Canceled)
	var conn *ConnError
	require.NotErrorAs(t, err, &conn)
}

func TestListFilterReachesTheQuery(t *testing.T) {
	at := &Time{time.Date(2026, 11, 25, 2, 0, 0, 5000, time.FixedZone("", 3600))}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/api/v1/jobs", r.URL.Path)
		require.Equal(t, map[string][]string{"id": {"ab12cd"}, "status": {"failed", "running"}, "pipeline_name": {"p"}, "user_id": {"u"},
			"submitted_by": {"k"}, "project": {"a", "b"}, "label": {"team:x"}, "schedule_id": {"s"}, "q": {"words & more"},
			"created_since": {"2026-11-25T01:00:00.000005+00:00"}, "created_until": {"2026-11-25T01:00:00.000005+00:00"},
			"include": {"parameters", "results"}, "limit": {"7"}, "cursor": {"c=1"}}, map[string][]string(r.URL.Query()))
		_, _ = w.Write([]byte(`{"items":[{"id":"j"}],"next_cursor":"more"}`))
	})
	page, err := c.Jobs(soon(t), ListFilter{ID: "ab12cd", Status: []string{"failed", "running"}, Pipeline: []string{"p"}, UserID: []string{"u"},
		SubmittedBy: []string{"k"}, Project: []string{"a", "b"}, Label: []string{"team:x"}, ScheduleID: []string{"s"}, Q: "words & more",
		CreatedSince: at, CreatedUntil: at, Include: []string{"parameters", "results"}, Limit: 7, Cursor: "c=1"})
	require.NoError(t, err)
	require.Equal(t, "more", *page.NextCursor)
	require.Len(t, page.Items, 1)
}

func TestAllPagesAreRead(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("cursor") {
		case "":
			_, _ = w.Write([]byte(`{"items":[{"id":"a","name":"a"}],"next_cursor":"2"}`))
		default:
			_, _ = w.Write([]byte(`{"items":[{"id":"b","name":"b"}],"next_cursor":null}`))
		}
	})
	var ids []string
	for job, err := range c.AllJobs(soon(t), ListFilter{}) {
		require.NoError(t, err)
		ids = append(ids, job.ID)
	}
	require.Equal(t, []string{"a", "b"}, ids)
	projects, err := c.Projects(soon(t))
	require.NoError(t, err)
	require.Len(t, projects, 2)
}

func TestIdsAreEncodedInPaths(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/api/v1/jobs/a%2F..%20b%3F%23%25/cancel", r.URL.EscapedPath())
		_, _ = w.Write([]byte(`{}`))
	})
	_, err := c.Cancel(soon(t), "a/.. b?#%")
	require.NoError(t, err)
}

// Wait goes on over answers that say "not yet", a service that restarts, and ends with
// the job.
func TestWaitOutlastsARestart(t *testing.T) {
	var mu sync.Mutex
	n := 0
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		n++
		now := n
		mu.Unlock()
		switch {
		case now == 1:
			_, _ = w.Write([]byte(`{"id":"j","status":"running"}`))
		case now < 6:
			cutOff()
		case now == 6:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			_, _ = w.Write([]byte(`{"id":"j","status":"failed"}`))
		}
	})
	job, err := c.Wait(soon(t), "j")
	require.NoError(t, err)
	require.Equal(t, "failed", job.Status)
}

func TestWaitEndsAtARefusal(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	_, err := c.Wait(soon(t), "j")
	var refused *Error
	require.ErrorAs(t, err, &refused)
}

func TestWaitAttempt(t *testing.T) {
	attempts := make(chan string, 3)
	attempts <- `{"status":"pending","attempt":1}`
	attempts <- `{"status":"running","attempt":2}`
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(<-attempts)) })
	job, err := c.WaitAttempt(soon(t), "j", 2)
	require.NoError(t, err)
	require.Equal(t, 2, job.Attempt)
}

func TestHealthOfAServiceThatIsDown(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"status":"down","version":"1","checks":{"store":{"status":"down","message":"disk full"}}}`))
	})
	h, err := c.Health(soon(t))
	require.NoError(t, err)
	require.Equal(t, "disk full", h.Checks["store"].Message)
}

func TestSomebodyElsesServer(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) })
	_, err := c.Job(soon(t), "x", 0)
	require.ErrorContains(t, err, "check the URL")
	_, err = c.Health(soon(t))
	require.ErrorContains(t, err, "check the URL")
}

func TestRegistryCalls(t *testing.T) {
	var seen []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Method+" "+r.URL.RequestURI())
		_, _ = w.Write([]byte(`{"items":[],"next_cursor":null,"projects":[]}`))
	})
	ctx := soon(t)
	_, err := c.Pipelines(ctx, "")
	require.NoError(t, err)
	_, err = c.RefreshPipelines(ctx, "sales")
	require.NoError(t, err)
	_, err = c.Pipeline(ctx, "a/b", "sales")
	require.NoError(t, err)
	_, err = c.Workers(ctx)
	require.NoError(t, err)
	_, err = c.Nodes(ctx, "j")
	require.NoError(t, err)
	_, err = c.Attempts(ctx, "j")
	require.NoError(t, err)
	_, err = c.OpenAPI(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"GET /api/v1/pipelines", "POST /api/v1/pipelines/refresh?project=sales", "GET /api/v1/pipelines/a%2Fb?project=sales",
		"GET /api/v1/workers", "GET /api/v1/jobs/j/nodes", "GET /api/v1/jobs/j/attempts", "GET /openapi.json"}, seen)
}
