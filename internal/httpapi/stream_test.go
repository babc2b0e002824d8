package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/httpapi"
	"github.com/kedrod/kedrod/internal/job"
)

// message is one event of a stream; a comment has only its text.
type message struct{ comment, kind, id, data string }

// reader reads a stream strictly by the form that it is written in.
type reader struct {
	t      testing.TB
	resp   *http.Response
	lines  *bufio.Reader
	cancel context.CancelFunc
}

func (r *rig) follow(path string, headers ...string) *reader {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	r.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+path, http.NoBody)
	require.NoError(r.t, err)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := r.http.Transport.RoundTrip(req)
	require.NoError(r.t, err)
	r.t.Cleanup(func() { _ = resp.Body.Close() })
	return &reader{t: r.t, resp: resp, lines: bufio.NewReader(resp.Body), cancel: cancel}
}

// next gives the next message, comments included; ok is false at the stream's end.
func (s *reader) next() (m message, ok bool) {
	s.t.Helper()
	for {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			require.ErrorIs(s.t, err, io.EOF)
			require.Empty(s.t, line+m.kind+m.data, "the stream ended within an event")
			return m, false
		}
		line = strings.TrimSuffix(line, "\n")
		name, value, _ := strings.Cut(line, ":")
		switch {
		case line == "":
			return m, true
		case name == "":
			m.comment = line
		case name == "retry":
			require.Equal(s.t, " 500", value)
		case name == "event":
			m.kind = strings.TrimPrefix(value, " ")
		case name == "id":
			m.id = strings.TrimPrefix(value, " ")
		case name == "data":
			m.data += strings.TrimPrefix(value, " ")
		default:
			require.Fail(s.t, "unknown line", line)
		}
	}
}

// event gives the next message that is no comment.
func (s *reader) event() message {
	s.t.Helper()
	for {
		m, ok := s.next()
		require.True(s.t, ok, "the stream ended")
		if m.comment == "" {
			return m
		}
	}
}

func (s *reader) requireEnd() {
	s.t.Helper()
	for {
		m, ok := s.next()
		if !ok {
			return
		}
		require.NotEmpty(s.t, m.comment, "more than was expected: %v", m)
	}
}

func (r *rig) report(id string, status job.Status) {
	r.t.Helper()
	o := job.Outcome{Status: status, EndedAt: time.Now()}
	_, err := r.store.Report(r.t.Context(), job.Ref{JobID: id, Attempt: 1, Worker: "w1"}, o, noAdvance)
	require.NoError(r.t, err)
}

func TestJobEvents(t *testing.T) {
	r := newRig(t)
	id := r.submit()
	s := r.follow("/api/v1/jobs/" + id + "/events")
	require.Equal(t, http.StatusOK, s.resp.StatusCode)
	require.Equal(t, "text/event-stream", s.resp.Header.Get("Content-Type"))
	require.Equal(t, "no-store", s.resp.Header.Get("Cache-Control"))
	require.Equal(t, "no", s.resp.Header.Get("X-Accel-Buffering"))
	first := s.event()
	require.Equal(t, "status", first.kind)
	r.claim()
	require.Contains(t, s.event().data, `"status":"running"`)
	r.report(id, job.Completed)
	require.Contains(t, s.event().data, `"status":"completed"`)
	end := s.event()
	require.Equal(t, "end", end.kind)
	s.requireEnd()

	var data map[string]any
	require.NoError(t, json.Unmarshal([]byte(end.data), &data))
	require.Equal(t, id, data["job_id"])
	require.InDelta(t, 1, data["attempt"], 0)
	require.Len(t, data["time"], len("2026-11-25T01:20:16.340000+00:00"))
	require.Equal(t, "completed", data["status"])

	path := "/api/v1/jobs/" + id + "/events"
	require.Equal(t, http.StatusNoContent, r.get(path, "Last-Event-ID", end.id).status)
	require.Equal(t, http.StatusNoContent, r.get(path+"?last_event_id="+end.id).status)
	again := r.get(path+"?last_event_id="+end.id, "Last-Event-ID", first.id) // the header is the newer
	require.Equal(t, 3, strings.Count(again.body, "\nid: "), again.body)
	require.Equal(t, 4, strings.Count(r.get(path).body, "\nid: "))
	require.Equal(t, http.StatusUnprocessableEntity, r.get(path, "Last-Event-ID", "x").status)
	require.Equal(t, http.StatusUnprocessableEntity, r.get(path+"?last_event_id=x", "Last-Event-ID", first.id).status, "what does not count is judged too")
	require.Empty(t, r.call(http.MethodHead, path, "").body)
}

func TestAllEvents(t *testing.T) {
	r := newRig(t)
	before := r.submit()
	s := r.follow("/api/v1/events")
	s.next() // the comment: the stream stands
	id := r.submit()
	m := s.event()
	require.Contains(t, m.data, id, "it begins now, without what was before")
	s.cancel()

	s = r.follow("/api/v1/events", "Last-Event-ID", m.id)
	after := r.submit()
	m = s.event()
	require.Contains(t, m.data, after)
	require.NotContains(t, m.data, before)
	r.stop()
	s.requireEnd()
}

func TestHeartbeat(t *testing.T) {
	r := newRig(t, func(o *httpapi.Options) { o.Heartbeat = 5 * time.Millisecond })
	id := r.submit()
	s := r.follow("/api/v1/events")
	for range 3 {
		m, ok := s.next()
		require.True(t, ok)
		require.Equal(t, message{comment: ":"}, m)
	}
	log := r.follow("/api/v1/jobs/" + id + "/logs?follow=true")
	for range 3 {
		m, ok := log.next()
		require.True(t, ok)
		require.Equal(t, message{comment: ":"}, m)
	}
}

func TestWait(t *testing.T) {
	r := newRig(t)
	id := r.submit()
	require.Equal(t, "pending", r.get("/api/v1/jobs/" + id + "?wait=0.01").object(t)["status"])
	got := make(chan reply, 1)
	go func() { got <- r.get("/api/v1/jobs/" + id + "?wait=20") }()
	r.claim()
	r.report(id, job.Completed)
	require.Equal(t, "completed", (<-got).object(t)["status"])

	go func() {
		got <- r.call("POST", "/api/v1/jobs?wait=20", `{"pipeline_name":"train"}`, "Idempotency-Key", "k")
	}()
	r.cancelPending()
	a := <-got
	require.Equal(t, http.StatusCreated, a.status)
	require.Equal(t, "cancelled", a.object(t)["status"])

	// As the server stops, waits are answered with the job as it is.
	id = r.submit()
	go func() { got <- r.get("/api/v1/jobs/" + id + "?wait=20") }()
	r.stop()
	require.Equal(t, "pending", (<-got).object(t)["status"])
}
