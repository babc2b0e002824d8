package httpapi_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/job"
)

// linesOf reads a log of objects, and holds each against the schema.
func linesOf(t *testing.T, body string) (lines []client.LogLine) {
	t.Helper()
	for text := range strings.Lines(body) {
		var line client.LogLine
		require.NoError(t, json.Unmarshal([]byte(text), &line), text)
		var value any
		require.NoError(t, json.Unmarshal([]byte(text), &value))
		requireSchema(t, document.Components.Schemas.Map()["LogLine"], value, "line")
		lines = append(lines, line)
	}
	return lines
}

func TestLogAsObjects(t *testing.T) {
	r := newRig(t)
	id := r.submit()
	path := "/api/v1/jobs/" + id + "/logs"
	a := r.get(path + "?format=jsonl")
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, "application/x-ndjson", a.header.Get("Content-Type"))
	require.Empty(t, a.body)

	r.claim()
	f := r.log(id)
	write(t, f, "INFO hello\nprinted <&> \xff\r\nWARNING careful")
	events := `{"ev":"node_start","t":1,"pid":1,"node":"split"}` + "\n" +
		`{"ev":"log","t":1764033616.34,"pid":1,"level":"INFO","message":"hello"}` + "\n" +
		`{"ev":"log","t":1764033617,"pid":1,"level":"WARNING","message":"careful"}` + "\n"
	require.NoError(t, os.WriteFile(r.runs.Attempt(id, 1).Events(), []byte(events), 0o600))
	a = r.get(path + "?format=jsonl")
	require.Equal(t, "1", a.header.Get("Kedrod-Attempt"))
	whole := a.body
	lines := linesOf(t, whole)
	require.Len(t, lines, 3)
	require.Equal(t, "INFO", *lines[0].Level)
	require.Equal(t, "split", *lines[0].Node)
	require.Equal(t, "2025-11-25T01:20:16.340000+00:00", job.FormatTime(lines[0].Time.Time))
	require.Equal(t, client.LogLine{Time: lines[0].Time, Node: lines[0].Node, Text: "printed <&> \uFFFD"}, lines[1])
	require.Equal(t, "WARNING careful", lines[2].Text)
	require.Equal(t, whole[strings.LastIndex(whole[:len(whole)-1], "\n")+1:], r.get(path+"?format=jsonl&tail=1").body, "as in the whole")
	require.Empty(t, r.call(http.MethodHead, path+"?format=jsonl", "").body)

	long := strings.Repeat("é", 10_000)
	write(t, f, "\n"+long+"\n")
	var text strings.Builder
	for _, l := range linesOf(t, r.get(path+"?format=jsonl&tail=1").body) {
		text.WriteString(l.Text)
	}
	require.Equal(t, long, text.String())
}

// TestFollowLogAsObjects: the objects followed, in however many connections, are those
// of the whole log.
func TestFollowLogAsObjects(t *testing.T) {
	r := newRig(t)
	id := r.submit()
	r.claim()
	f := r.log(id)
	require.NoError(t, os.WriteFile(r.runs.Attempt(id, 1).Events(), []byte(`{"ev":"log","t":5,"pid":1,"level":"INFO","message":"two"}`+"\n"), 0o600))
	write(t, f, "one\nINFO two\nthr")
	path := "/api/v1/jobs/" + id + "/logs?follow=true&format=jsonl"
	s := r.follow(path)
	one, two := s.event(), s.event()
	require.Equal(t, "4", one.id)
	require.Equal(t, "13", two.id)
	require.JSONEq(t, `{"time":"1970-01-01T00:00:05.000000+00:00","level":"INFO","node":null,"text":"INFO two"}`, two.data)
	write(t, f, "ee\nlast")
	require.JSONEq(t, `{"time":"1970-01-01T00:00:05.000000+00:00","level":null,"node":null,"text":"three"}`, s.event().data, "not in parts")
	r.report(id, job.Completed)
	require.JSONEq(t, `{"time":"1970-01-01T00:00:05.000000+00:00","level":null,"node":null,"text":"last"}`, s.event().data)
	require.Equal(t, "end", s.event().kind)

	s = r.follow(path, "Last-Event-ID", "13")
	require.JSONEq(t, `{"time":"1970-01-01T00:00:05.000000+00:00","level":null,"node":null,"text":"three"}`, s.event().data, "as if there had been no cut")
}
