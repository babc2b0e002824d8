package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// A stream that is cut over and over gives each event once, and ends after `end`.
func TestEventsAreTakenUpWhereTheyWereCut(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "/api/v1/jobs/j/events", r.URL.Path)
		last := 0
		if id := r.Header.Get("Last-Event-ID"); id != "" {
			last, _ = strconv.Atoi(id)
		}
		_, _ = io.WriteString(w, ": hello\n\n")
		kind := "node"
		if last == 4 {
			kind = "end"
		}
		_, _ = fmt.Fprintf(w, "event: %s\nid: %d\ndata: {\"job_id\":\"j\",\"time\":\"2026-11-25T01:20:16.340000+00:00\",\"name\":\"n%d\"}\n\n", kind, last+1, last+1)
		_, _ = io.WriteString(w, "event: node\nid: 99\ndata: {\"cut")
		_ = http.NewResponseController(w).Flush()
		cutOff()
	})
	var ids, types []string
	for ev, err := range c.Events(soon(t), "j", "") {
		require.NoError(t, err)
		require.Equal(t, "j", ev.JobID)
		require.Equal(t, 2026, ev.Time.Year())
		require.Contains(t, string(ev.Data), "n"+ev.ID)
		ids, types = append(ids, ev.ID), append(types, ev.Type)
	}
	require.Equal(t, []string{"1", "2", "3", "4", "5"}, ids)
	require.Equal(t, []string{"node", "node", "node", "node", "end"}, types)
}

func TestEventsAfterTheEnd(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "5", r.Header.Get("Last-Event-ID"))
		w.WriteHeader(http.StatusNoContent)
	})
	for range c.Events(soon(t), "j", "5") {
		t.Fatal("there is nothing after the end")
	}
}

func TestEventsOfNoJob(t *testing.T) {
	var calls atomic.Int32
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.WriteHeader(http.StatusNotFound)
	})
	var last error
	for _, err := range c.Events(soon(t), "j", "") {
		last = err
	}
	var refused *Error
	require.ErrorAs(t, last, &refused)
	require.EqualValues(t, 1, calls.Load(), "a refusal is final")
}

func TestEventsEndWithTheirContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		cancel()
		<-r.Context().Done()
	})
	var last error
	for _, err := range c.Events(ctx, "j", "") {
		last = err
	}
	require.ErrorIs(t, last, context.Canceled)
}

func TestEventsCanBeLeft(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "id: 1\ndata: {}\n\nid: 2\ndata: {}\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	for ev, err := range c.Events(soon(t), "j", "") {
		require.NoError(t, err)
		require.Equal(t, "1", ev.ID)
		break
	}
}

func TestEventsThatAreNotOurs(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "data: hello\n\n") })
	var last error
	for _, err := range c.Events(soon(t), "j", "") {
		last = err
	}
	require.ErrorContains(t, last, "not kedrod's")
}

// Every byte of a followed log comes once, however the connection is cut; the tail is
// asked for by the first connection only.
func TestFollowLogsGivesEveryByteOnce(t *testing.T) {
	log := strings.Repeat("line of a log — with umlauts äöü\n", 40)
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		require.Equal(t, "true", q.Get("follow"))
		require.Equal(t, "2", q.Get("attempt"))
		from := 0
		if id := r.Header.Get("Last-Event-ID"); id != "" {
			require.False(t, q.Has("tail"), "a tail would leave out what came while the connection was cut")
			from, _ = strconv.Atoi(id)
		} else {
			require.Equal(t, "5", q.Get("tail"))
		}
		for n := range 3 {
			if from == len(log) {
				_, _ = fmt.Fprintf(w, "event: end\ndata: {\"bytes\":%d}\n\n", len(log))
				return
			}
			to := min(from+37, len(log))
			for to < len(log) && log[to]&0xC0 == 0x80 {
				to++
			}
			_, _ = fmt.Fprintf(w, "event: log\nid: %d\ndata: {\"text\": %s}\n\n", to, strconv.Quote(log[from:to]))
			if n == 1 { // a doubled event is taken once
				_, _ = fmt.Fprintf(w, "event: log\nid: %d\ndata: {\"text\": \"again\"}\n\n", to)
			}
			from = to
		}
		_ = http.NewResponseController(w).Flush()
		cutOff()
	})
	var got strings.Builder
	for chunk, err := range c.FollowLogs(soon(t), "j", FollowOptions{Attempt: 2, Tail: 5}) {
		require.NoError(t, err)
		got.WriteString(chunk.Text)
		require.EqualValues(t, got.Len(), chunk.End)
	}
	require.Equal(t, log, got.String())
}

func TestALogThatIsCutHasNotEnded(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		cutOff()
	})
	body, err := c.Logs(soon(t), "j", LogOptions{})
	require.NoError(t, err)
	got, err := io.ReadAll(body)
	require.Equal(t, "half", string(got))
	var conn *ConnError
	require.ErrorAs(t, err, &conn)
	require.NoError(t, body.Close())
}

func TestLogs(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "attempt=1&format=text&tail=3", r.URL.Query().Encode())
		if r.Header.Get("Range") == "bytes=-2" {
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write([]byte("\xff\n"))
			return
		}
		_, _ = w.Write([]byte("all \xff\n"))
	})
	read := func(o LogOptions) string {
		o.Attempt, o.Tail, o.Format = 1, 3, "text"
		body, err := c.Logs(soon(t), "j", o)
		require.NoError(t, err)
		defer func() { require.NoError(t, body.Close()) }()
		all, err := io.ReadAll(body)
		require.NoError(t, err)
		return string(all)
	}
	require.Equal(t, "all \xff\n", read(LogOptions{}))
	require.Equal(t, "\xff\n", read(LogOptions{Range: "bytes=-2"}))
	_, err := c.Logs(soon(t), "j", LogOptions{Attempt: 1, Tail: 3, Format: "text", Range: "bytes=0-1"})
	require.ErrorContains(t, err, "whole log")
}
