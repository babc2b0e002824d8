package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// sse is one server-sent event.
type sse struct{ id, event, data string }

// what an event says, on one line.
func (e sse) String() string {
	var d struct {
		Name, Status string
		Done, Total  int
		Running      []string
	}
	_ = json.Unmarshal([]byte(e.data), &d)
	switch e.event {
	case "progress":
		return fmt.Sprintf("progress %d/%d %s", d.Done, d.Total, strings.Join(d.Running, ","))
	case "node":
		return "node " + d.Name + " " + d.Status
	}
	return e.event + " " + d.Status
}

// listening is a stream that is read while it goes on.
type listening struct {
	status int
	body   io.Closer

	mu   sync.Mutex
	all  []sse
	over chan struct{} // closed when the server has ended it
}

// listen opens a stream with net/http alone and gathers what comes.
func (s *server) listen(t *testing.T, path, lastEventID string) *listening {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
	require.NoError(t, err)
	if lastEventID != "" {
		req.Header.Set("Last-Event-ID", lastEventID)
	}
	resp, err := web.Do(req)
	require.NoError(t, err)
	l := &listening{status: resp.StatusCode, body: resp.Body, over: make(chan struct{})}
	t.Cleanup(func() { _ = resp.Body.Close(); <-l.over })
	if resp.StatusCode == http.StatusOK {
		require.Equal(t, "text/event-stream", strings.Split(resp.Header.Get("Content-Type"), ";")[0])
	}
	go func() {
		defer close(l.over)
		lines := bufio.NewReader(resp.Body)
		var e sse
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			field, value, _ := strings.Cut(strings.TrimRight(line, "\n"), ": ")
			switch field {
			case "id":
				e.id = value
			case "event":
				e.event = value
			case "data":
				e.data = value
			case "":
				if e.event != "" {
					l.mu.Lock()
					l.all = append(l.all, e)
					l.mu.Unlock()
				}
				e = sse{}
			}
		}
	}()
	return l
}

func (l *listening) events() []sse {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]sse(nil), l.all...)
}

// words is what all events said, one a line.
func (l *listening) words() string {
	var b strings.Builder
	for _, e := range l.events() {
		b.WriteString(e.String() + "\n")
	}
	return b.String()
}

// end waits until the server has ended the stream.
func (l *listening) end(t *testing.T) []sse {
	t.Helper()
	select {
	case <-l.over:
	case <-time.After(patience):
		require.FailNow(t, "the stream did not end", "%s", l.words())
	}
	return l.events()
}

// TestEventsComeWhileTheRunGoesOn, in order; they are replayed from the first, and resumed
// after any.
func TestEventsComeWhileTheRunGoesOn(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := serve(t, setup{projects: []string{project(t, "witness")}})
	known(t, s)
	everyone := s.listen(t, "/api/v1/events", "")
	job := s.submit(t, "steps", params{"path": folder})
	path := "/api/v1/jobs/" + job.ID + "/events"
	live := s.listen(t, path, "")
	seen := func(words string) {
		t.Helper()
		eventually(t, words, func() bool { return strings.Contains(live.words(), words+"\n") })
	}

	steps := []string{"first", "second", "third"}
	var lags []time.Duration
	for i, name := range steps {
		eventually(t, name+" has begun", func() bool { return exists(filepath.Join(folder, name+".begun")) })
		begun := time.Now()
		seen("node " + name + " running")
		lags = append(lags, time.Since(begun).Round(time.Millisecond))
		require.NotContains(t, live.words(), "node "+name+" completed")
		nodes, err := s.Nodes(within(t), job.ID)
		require.NoError(t, err)
		for n, node := range nodes {
			require.Equal(t, steps[n], node.Name, "topological order")
			want := map[bool]string{true: "completed", false: "pending"}[n < i]
			if n == i {
				want = "running"
			}
			require.Equal(t, want, node.Status, "%s while %s runs", node.Name, name)
		}
		now := s.job(t, job.ID)
		require.Equal(t, i, now.Progress.Done)
		require.Equal(t, 3, now.Progress.Total)
		require.Equal(t, []string{name}, now.Progress.Running)
		touch(t, filepath.Join(folder, name+".go"))
	}
	t.Logf("a node's event came so long after the test saw the node begin: %v", lags)
	all := live.end(t)
	require.Equal(t, "end", all[len(all)-1].event)
	var order []string
	for _, e := range all {
		if e.event != "progress" {
			order = append(order, e.String())
		}
	}
	require.Equal(t, []string{
		"status pending", "status running", "node first running", "node first completed", "node second running", "node second completed",
		"node third running", "node third completed", "status completed", "end completed",
	}, order)
	require.Contains(t, live.words(), "progress 3/3 \n")

	replayed := s.listen(t, path, "").end(t)
	require.Equal(t, all, replayed)
	for i, e := range all[:len(all)-1] {
		require.Equal(t, all[i+1:], s.listen(t, path, e.id).end(t), "after %s", e.id)
	}
	over := s.listen(t, path, all[len(all)-1].id)
	require.Equal(t, http.StatusNoContent, over.status)
	require.Empty(t, over.end(t))
	status, _ := s.call(t, http.MethodGet, path+"?last_event_id="+all[len(all)-1].id, "")
	require.Equal(t, http.StatusNoContent, status)

	eventually(t, "the stream of all jobs has told of the end", func() bool { return strings.Contains(everyone.words(), "end completed\n") })
	require.Equal(t, all, everyone.events())
	_ = everyone.body.Close()
}

// TestEventsGoOnAfterARestart: the client reconnects, and loses and repeats nothing.
func TestEventsGoOnAfterARestart(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := serve(t, setup{projects: []string{project(t, "witness")}, data: filepath.Join(t.TempDir(), "data")})
	job := s.submit(t, "steps", params{"path": folder})
	first := s.listen(t, "/api/v1/jobs/"+job.ID+"/events", "")
	touch(t, filepath.Join(folder, "first.go"))
	eventually(t, "the second node runs", func() bool { return strings.Contains(first.words(), "node second running\n") })
	s.crash(t)
	before := first.end(t)
	require.NotContains(t, first.words(), "end ", "a stream that was cut has no end")

	touch(t, filepath.Join(folder, "second.go"))
	touch(t, filepath.Join(folder, "third.go"))
	s = s.again(t)
	after := s.listen(t, "/api/v1/jobs/"+job.ID+"/events", before[len(before)-1].id).end(t)
	require.Equal(t, "end completed", after[len(after)-1].String())
	require.Equal(t, append(before, after...), s.listen(t, "/api/v1/jobs/"+job.ID+"/events", "").end(t))
	attempts := map[int]bool{}
	for _, e := range after {
		var d struct{ Attempt int }
		require.NoError(t, json.Unmarshal([]byte(e.data), &d))
		attempts[d.Attempt] = true
	}
	require.True(t, attempts[2], "the second attempt's events come")
}
