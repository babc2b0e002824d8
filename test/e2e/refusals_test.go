package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
)

// TestRefusals: what can't be, is refused when it is submitted, by the field's name and
// with the nearest that can.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	before, err := s.Jobs(within(t), client.ListFilter{UserID: []string{"refused"}})
	require.NoError(t, err)
	require.Empty(t, before.Items)
	for _, c := range []struct {
		body        string // the submission, but for user_id
		status      int
		code, field string
		says        string
	}{
		{`"pipeline_name": "smu"`, 422, "unknown_pipeline", "pipeline_name", "sum"},
		{`"pipeline_name": "versionned"`, 422, "unknown_pipeline", "pipeline_name", "versioned"},
		{`"pipeline_name": ""`, 422, "invalid", "pipeline_name", ""},
		{`"pipeline_name": null`, 422, "invalid", "pipeline_name", ""},
		{`"pipeline_name": 7`, 422, "invalid", "pipeline_name", ""},
		{`"pipeline_name": "sum", "node_names": ["mak"]`, 422, "invalid", "node_names[0]", "make"},
		{`"pipeline_name": "sum", "from_nodes": ["make", "ad"]`, 422, "invalid", "from_nodes[1]", "add"},
		{`"pipeline_name": "sum", "tags": ["secnd"]`, 422, "invalid", "tags[0]", "second"},
		{`"pipeline_name": "sum", "project": "maximal"`, 422, "unknown_project", "project", "minimal"},
		{`"pipline_name": "sum"`, 422, "unknown_field", "pipline_name", "pipeline_name"},
		{`"pipeline_name": "sum", "parametres": {}`, 422, "unknown_field", "parametres", "parameters"},
		{`"pipeline_name": "sum", "priority": 1.5`, 422, "invalid", "priority", ""},
		{`"pipeline_name": "sum", "timeout_seconds": 0`, 422, "invalid", "timeout_seconds", ""},
		{`"pipeline_name": "sum", "delay_seconds": 1, "run_at": "2030-01-01T00:00:00Z"`, 422, "invalid", "", "run_at"},
		{`"pipeline_name": "sum", "run_at": "tomorrow"`, 422, "invalid", "run_at", ""},
		{`"pipeline_name": "sum", "retry_on": ["stuck_process"]`, 422, "invalid", "retry_on[0]", "pipeline_error"},
		{`"pipeline_name": "sum", "callback_url": "http://127.0.0.1/"`, 422, "invalid", "callback_url", "webhook_allow_private"},
		{`"pipeline_name": "sum", "callback_url": "nowhere"`, 422, "invalid", "callback_url", "https://"},
		{`"pipeline_name": "sum", "pipeline_name": "echo"`, 422, "invalid", "pipeline_name", ""},
		{`"pipeline_name": "sum"`, 400, "malformed", "", "JSON"},
	} {
		body := `{"user_id": "refused", ` + c.body + `}`
		if c.status == 400 {
			body = body[:len(body)-1]
		}
		status, p := s.post(t, "/api/v1/jobs", body)
		require.Equal(t, c.status, status, "%s: %+v", c.body, p)
		require.Equal(t, c.code, p.Code, "%s: %+v", c.body, p)
		require.Contains(t, p.Detail, c.says, c.body)
		if c.field != "" {
			require.NotEmpty(t, p.Errors, c.body)
			require.Equal(t, c.field, p.Errors[0].Field, c.body)
		}
	}
	for field, value := range map[string]string{
		"from_inputs": `["a"]`, "to_outputs": `["a"]`, "namespaces": `["a"]`, "pipeline_names": `["sum"]`, "load_versions": `{"a": "b"}`, "conf_source": `"x"`,
		"runner": `"ThreadRunner"`, "runner_params": `{"a": 1}`, "is_async": `true`, "only_missing_outputs": `true`,
	} {
		status, p := s.post(t, "/api/v1/jobs", `{"user_id": "refused", "pipeline_name": "sum", "`+field+`": `+value+`}`)
		require.Equal(t, 422, status, field)
		require.Equal(t, "not_supported", p.Code, "%s is not taken and then ignored", field)
		require.Contains(t, p.Detail, field)
		status, _ = s.post(t, "/api/v1/jobs", `{"user_id": "null is absent", "pipeline_name": "sum", "delay_seconds": 86400, "`+field+`": null}`)
		require.Equal(t, 201, status, "null equals absent: %s", field)
	}
	after, err := s.Jobs(within(t), client.ListFilter{UserID: []string{"refused"}})
	require.NoError(t, err)
	require.Empty(t, after.Items, "what was refused left nothing")

	status, _ := s.post(t, "/api/v1/jobs", `{"pipeline_name": "sum", "parameters": {"echo": "`+strings.Repeat("x", 18<<20)+`"}}`)
	require.Equal(t, http.StatusRequestEntityTooLarge, status)
	for _, path := range []string{"/api/v1/jobs/none", "/api/v1/jobs/none/logs", "/api/v1/jobs/none/events", "/api/v1/pipelines/smu", "/api/v1/nothing"} {
		status, answer := s.call(t, http.MethodGet, path, "")
		require.Equal(t, 404, status, path)
		require.Contains(t, answer, "not_found")
	}
}

// TestIdempotency: sent again, a submission gives the first job; also when it is sent
// many times at once.
func TestIdempotency(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	key := fmt.Sprintf("key-%d", time.Now().UnixNano())
	const body = `{"pipeline_name": "sum", "parameters": {"a": 1, "b": [1.0]}, "delay_seconds": 86400}`
	const same = `{"delay_seconds":86400,"parameters":{"b":[1.0],"a":1},"pipeline_name":"sum","tags":null}`
	var (
		mu       sync.Mutex
		ids      = map[string]bool{}
		statuses = map[int]int{}
		senders  sync.WaitGroup
	)
	for i := range 10 {
		senders.Go(func() {
			status, answer := s.call(t, http.MethodPost, "/api/v1/jobs", []string{body, same}[i%2], "Idempotency-Key", key)
			var job client.Job
			_ = json.Unmarshal([]byte(answer), &job)
			mu.Lock()
			defer mu.Unlock()
			ids[job.ID] = true
			statuses[status]++
		})
	}
	senders.Wait()
	require.Len(t, ids, 1, "one job")
	require.Equal(t, map[int]int{201: 1, 200: 9}, statuses)
	status, answer := s.call(t, http.MethodPost, "/api/v1/jobs", strings.Replace(body, `"a": 1`, `"a": 2`, 1), "Idempotency-Key", key)
	require.Equal(t, 409, status, answer)
}

// TestWaiting: an answer at the job's end, or after the time given.
func TestWaiting(t *testing.T) {
	t.Parallel()
	s := sharedServer(t)
	resp := s.open(t, http.MethodPost, "/api/v1/jobs?wait=60", `{"pipeline_name": "sum", "user_id": "waits"}`)
	defer resp.Body.Close()
	var job client.Job
	require.NoError(t, json.Unmarshal([]byte(readAll(t, resp.Body)), &job))
	require.Equal(t, 201, resp.StatusCode)
	require.Equal(t, "completed", job.Status, explain(&job))
	require.Equal(t, "/api/v1/jobs/"+job.ID, strings.TrimPrefix(resp.Header.Get("Location"), s.URL))
	require.Equal(t, "waits", text(job.UserID))
	require.Contains(t, job.WebURL, s.URL)

	long := s.submit(t, "sleep", params{"seconds": 60})
	begun := time.Now()
	now, err := s.Job(within(t), long.ID, 300*time.Millisecond)
	require.NoError(t, err)
	require.False(t, now.Ended())
	require.GreaterOrEqual(t, time.Since(begun), 300*time.Millisecond)
	_, err = s.Cancel(within(t), long.ID)
	require.NoError(t, err)
	require.Equal(t, "cancelled", s.end(t, long.ID).Status)

	late := s.send(t, client.Submission{PipelineName: "sum", DelaySeconds: ptr(0.7)})
	require.NotNil(t, late.RunAt)
	require.Equal(t, "pending", late.Status)
	ended := s.end(t, late.ID)
	require.Equal(t, "completed", ended.Status, explain(ended))
	require.False(t, ended.StartedAt.Before(late.RunAt.Time), "not before its time")
}

func ptr[T any](v T) *T { return &v }
