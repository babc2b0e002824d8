package httpapi_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/joblog"
)

// log opens the log of a job's first attempt for writing.
func (r *rig) log(id string) *os.File {
	r.t.Helper()
	dir := r.runs.Attempt(id, 1)
	require.NoError(r.t, dir.Make())
	f, err := joblog.Create(dir.Log())
	require.NoError(r.t, err)
	r.t.Cleanup(func() { _ = f.Close() })
	return f
}

func write(t *testing.T, f *os.File, text string) {
	t.Helper()
	_, err := f.WriteString(text)
	require.NoError(t, err)
}

// TestManyRanges: of more ranges than anybody needs none is cut out.
func TestManyRanges(t *testing.T) {
	r := newRig(t)
	id := r.submit()
	r.claim()
	write(t, r.log(id), strings.Repeat("a line\n", 1000))
	path := "/api/v1/jobs/" + id + "/logs"
	few := r.get(path, "Range", "bytes=0-0"+strings.Repeat(",4-4", 31))
	require.Equal(t, http.StatusPartialContent, few.status)
	many := r.get(path, "Range", "bytes=0-0"+strings.Repeat(",4-4", 32))
	require.Equal(t, http.StatusOK, many.status)
	require.Len(t, many.body, 7000)
}

// TestRangeUnits: a range of a unit that is not known is as good as none.
func TestRangeUnits(t *testing.T) {
	r := newRig(t)
	id := r.submit()
	r.claim()
	write(t, r.log(id), "0123456789")
	for sent, want := range map[string]int{
		"bytes=0-3": http.StatusPartialContent, "Bytes=0-3": http.StatusPartialContent, "lines=0-3": http.StatusOK, "lines=99-": http.StatusOK, "bytes": http.StatusOK,
		"bytes=x": http.StatusRequestedRangeNotSatisfiable, "bytes=99-": http.StatusRequestedRangeNotSatisfiable,
	} {
		a := r.get("/api/v1/jobs/"+id+"/logs", "Range", sent)
		require.Equal(t, want, a.status, sent)
		require.Equal(t, want == http.StatusPartialContent, a.body == "0123", sent)
		require.Equal(t, want == http.StatusOK, a.body == "0123456789", sent)
	}
}

func TestLog(t *testing.T) {
	r := newRig(t)
	id := r.submit()
	path := "/api/v1/jobs/" + id + "/logs"
	a := r.get(path)
	require.Equal(t, http.StatusOK, a.status)
	require.Empty(t, a.body)
	require.Empty(t, a.header.Get("Kedrod-Attempt"))

	r.claim()
	f := r.log(id)
	write(t, f, "one\ntwo\nthree\n")
	a = r.get(path)
	require.Equal(t, "one\ntwo\nthree\n", a.body)
	require.Equal(t, "text/plain; charset=utf-8", a.header.Get("Content-Type"))
	require.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"))
	require.Equal(t, "1", a.header.Get("Kedrod-Attempt"))
	require.Equal(t, "14", r.call(http.MethodHead, path, "").header.Get("Content-Length"))
	require.Equal(t, "three\n", r.get(path+"?tail=1").body)
	require.Equal(t, "two\nthree\n", r.get(path+"/?tail=2&attempt=1").body)
	require.Empty(t, r.get(path+"?tail=0").body)

	part := r.get(path, "Range", "bytes=4-6")
	require.Equal(t, http.StatusPartialContent, part.status)
	require.Equal(t, "two", part.body)
	require.Equal(t, "bytes 4-6/14", part.header.Get("Content-Range"))
	require.Equal(t, "ee\n", r.get(path, "Range", "bytes=-3").body)
	write(t, f, "four\n")
	rest := r.get(path, "Range", "bytes=14-", "If-Range", a.header.Get("ETag"))
	require.Equal(t, http.StatusPartialContent, rest.status, "a log that grew is the same log")
	require.Equal(t, "four\n", rest.body)
	require.Equal(t, http.StatusOK, r.get(path, "If-None-Match", a.header.Get("ETag")).status, "it has grown")
	require.Equal(t, http.StatusOK, r.get(path, "Range", "bytes=14-", "If-Range", `"other"`).status)
	a = r.get(path, "Range", "bytes=100-")
	require.Equal(t, http.StatusRequestedRangeNotSatisfiable, a.status)
	require.Equal(t, "bad_range", a.object(t)["code"])
	require.Equal(t, "bytes */19", a.header.Get("Content-Range"))
}

func textsOf(t *testing.T, m message) string {
	t.Helper()
	require.Equal(t, "log", m.kind)
	var data struct{ Text string }
	require.NoError(t, json.Unmarshal([]byte(m.data), &data))
	return data.Text
}

func TestFollowLog(t *testing.T) {
	r := newRig(t)
	id := r.submit()
	path := "/api/v1/jobs/" + id + "/logs?follow=true"
	s := r.follow(path) // of a pending job: it waits for the run
	require.Equal(t, "text/event-stream", s.resp.Header.Get("Content-Type"))
	r.claim()
	f := r.log(id)
	write(t, f, "one\ntw")
	require.Equal(t, message{kind: "log", id: "4", data: `{"text":"one\n"}`}, s.event())
	m := s.event() // a line without its end comes a moment later
	require.Equal(t, "tw", textsOf(t, m))
	require.Equal(t, "6", m.id)
	write(t, f, "o \xc3")
	require.Equal(t, "o ", textsOf(t, s.event()))
	write(t, f, "\xa9\nbad \xff\n")
	require.Equal(t, "é\nbad \uFFFD\n", textsOf(t, s.event()), "the two bytes of a character stay together")

	tail := r.follow(path + "&tail=1")
	m = tail.event()
	require.Equal(t, "bad \uFFFD\n", textsOf(t, m))
	again := r.follow(path+"&tail=1", "Last-Event-ID", "4")
	require.Equal(t, "two é\nbad \uFFFD\n", textsOf(t, again.event()))

	write(t, f, "end \xe2\x82")
	r.report(id, job.Completed)
	for _, s := range []*reader{s, tail, again} {
		require.Equal(t, "end \uFFFD\uFFFD", textsOf(t, s.event()), "one for each byte")
		require.Equal(t, message{kind: "end", id: "23-end", data: `{"bytes":23}`}, s.event())
		s.requireEnd()
	}
	require.Equal(t, http.StatusNoContent, r.get(path, "Last-Event-ID", "23-end").status)
	require.Equal(t, 1, strings.Count(r.get(path, "Last-Event-ID", "23").body, "event: "))
}

func TestFollowLogOfJobWithoutRun(t *testing.T) {
	r := newRig(t)
	id := r.submit()
	s := r.follow("/api/v1/jobs/" + id + "/logs?follow=1")
	s.next()
	require.Equal(t, http.StatusOK, r.call("POST", "/api/v1/jobs/"+id+"/cancel", "").status)
	require.Equal(t, message{kind: "end", id: "0-end", data: `{"bytes":0}`}, s.event())
	s.requireEnd()
}

// TestFollowLongLines: no byte is lost or torn where lines are longer than a chunk.
func TestFollowLongLines(t *testing.T) {
	r := newRig(t)
	id := r.submit()
	r.claim()
	f := r.log(id)
	text := strings.Repeat("ä€𝄞", 40_000) + "\n" + strings.Repeat("short line é\n", 20_000)
	write(t, f, text)
	r.report(id, job.Completed)
	s := r.follow("/api/v1/jobs/" + id + "/logs?follow=true")
	var got strings.Builder
	for {
		m := s.event()
		if m.kind == "end" {
			break
		}
		part := textsOf(t, m)
		got.WriteString(part)
		if got.Len() > 400_000 {
			require.True(t, strings.HasSuffix(part, "\n"), "a line was torn")
		}
	}
	require.Equal(t, text, got.String())
}
