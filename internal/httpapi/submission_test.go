package httpapi

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/service"
)

func decode(body string, ignoreUnknown bool) (service.Submission, error) {
	members, err := readObject([]byte(body))
	if err != nil {
		return service.Submission{}, err
	}
	return readSubmission(members, ignoreUnknown)
}

func TestSubmissionDecodes(t *testing.T) {
	sub, err := decode(` {"pipeline_name":"a\u00e9\n","parameters": {"x" :[1.0, 1e400,"\u0041"]} ,"user_id":"u","project":"p","tags":["t"],"node_names":["n"],
		"from_nodes":["f"],"to_nodes":["o"],"env":"prod","priority":-3.0,"run_at":"2026-11-25T01:20:16+01:00","delay_seconds":null,"timeout_seconds":0.5,
		"expires_at":"2026-11-26T00:00:00Z","max_attempts":2,"retry_on":["timeout"],"max_recoveries":0} `, false)
	require.NoError(t, err)
	at, until := time.Date(2026, 11, 25, 0, 20, 16, 0, time.UTC), time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	require.Equal(t, service.Submission{
		Pipeline: "aé\n", Parameters: json.RawMessage(`{"x" :[1.0, 1e400,"\u0041"]}`), UserID: new("u"), Project: "p",
		Options:  job.Options{Tags: []string{"t"}, NodeNames: []string{"n"}, FromNodes: []string{"f"}, ToNodes: []string{"o"}, Env: new("prod")},
		Priority: -3, RunAt: &at, Timeout: new(500 * time.Millisecond), ExpiresAt: &until, MaxAttempts: new(2),
		RetryOn: []job.Reason{job.Timeout}, MaxRecoveries: new(0),
	}, sub)
}

func TestNullIsAbsent(t *testing.T) {
	var fields []string
	for _, name := range append(taken(), notYet()...) {
		fields = append(fields, `"`+name+`":null`)
	}
	sub, err := decode("{"+strings.Join(fields, ",")+"}", false)
	require.NoError(t, err)
	require.Equal(t, service.Submission{Parameters: json.RawMessage("{}")}, sub)
}

// TestEveryFieldIsKnown breaks when a field is taken that the decoder does not read.
func TestEveryFieldIsKnown(t *testing.T) {
	for _, name := range taken() {
		var f refusals
		d := decoder{refusals: &f, member: member{name, []byte("true")}}
		require.True(t, d.field(&service.Submission{}), name)
		require.Len(t, f.fields, 1, "no field of this version is a boolean")
		require.Equal(t, name, f.fields[0].Field)
	}
}

func TestSubmissionRefuses(t *testing.T) {
	deep := strings.Repeat("[", 101) + strings.Repeat("]", 101)
	for _, c := range []struct {
		name, body string
		code       fault.Code
		field      string
		message    string
	}{
		{"empty", " \n", fault.Malformed, "", "empty"},
		{"no JSON", "pipeline_name=train", fault.Malformed, "", "at byte 0"},
		{"cut", `{"pipeline_name": "tr`, fault.Malformed, "", "end of a string"},
		{"comma at the end", `{"a": 1,}`, fault.Malformed, "", "at byte 8"},
		{"single quotes", `{'a': 1}`, fault.Malformed, "", "double quotes"},
		{"NaN", `{"parameters": {"x": NaN}}`, fault.Malformed, "", "a value"},
		{"two values", `{} {}`, fault.Malformed, "", "nothing more"},
		{"leading zero", `{"priority": 01}`, fault.Malformed, "", "at byte 14"},
		{"not UTF-8", "{\"pipeline_name\": \"\xff\"}", fault.Malformed, "", "UTF-8"},
		{"list", `[]`, fault.Invalid, "body", "must be a JSON object"},
		{"twice", `{"priority": 1, "pri\u006frity": 2}`, fault.Invalid, "priority", "twice"},
		{"twice, deep", `{"parameters": {"a": [1, {"x": 1, "x": 1}]}}`, fault.Invalid, "parameters.a[1].x", "twice"},
		{"deep", `{"parameters": {"a": ` + deep + `}}`, fault.Invalid, "parameters.a" + strings.Repeat("[0]", 98), "nested more than 100"},
		{"unknown", `{"pipline_name": "x"}`, fault.UnknownField, "pipline_name", "did you mean pipeline_name"},
		{"of another part", `{"runner": "ThreadRunner"}`, fault.NotSupported, "runner", "this version"},
		{"text", `{"pipeline_name": 1}`, fault.Invalid, "pipeline_name", "must be a string"},
		{"half a surrogate pair", `{"user_id": "\ud800"}`, fault.Invalid, "user_id", "must be a string"},
		{"object", `{"parameters": []}`, fault.Invalid, "parameters", "must be an object"},
		{"list of strings", `{"tags": "a"}`, fault.Invalid, "tags", "must be a list of strings"},
		{"item", `{"tags": ["a", 1]}`, fault.Invalid, "tags[1]", "must be a string"},
		{"whole number", `{"priority": 1.5}`, fault.Invalid, "priority", "whole number"},
		{"huge number", `{"max_attempts": 1e300}`, fault.Invalid, "max_attempts", "whole number"},
		{"number", `{"delay_seconds": "5"}`, fault.Invalid, "delay_seconds", "number of seconds"},
		{"time", `{"run_at": "tomorrow"}`, fault.Invalid, "run_at", "a time with its zone"},
		{"no zone", `{"run_at": "2026-11-25T01:20:16"}`, fault.Invalid, "run_at", "a time with its zone"},
		{"empty env", `{"env": ""}`, fault.Invalid, "env", "must not be empty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := decode(c.body, false)
			var f *fault.Error
			require.ErrorAs(t, err, &f)
			require.Equal(t, c.code, f.Code)
			require.Contains(t, f.Error(), c.message)
			if c.field != "" {
				require.Len(t, f.Fields, 1)
				require.Equal(t, cut(c.field, 200), f.Fields[0].Field)
			}
		})
	}
}

func TestEveryRefusalIsTold(t *testing.T) {
	_, err := decode(`{"a": 1, "tags": 1, "runner": "x", "statuz": 2}`, false)
	var f *fault.Error
	require.ErrorAs(t, err, &f)
	require.Equal(t, fault.UnknownField, f.Code)
	require.Len(t, f.Fields, 4)
	_, err = decode(`{"a": 1, "statuz": 2}`, true)
	require.NoError(t, err)
	_, err = decode(`{"a": 1, "runner": "x"}`, true)
	require.True(t, fault.Is(err, fault.NotSupported), "a known field is never ignored")
}

func hashOf(t *testing.T, body string) string {
	t.Helper()
	members, err := readObject([]byte(body))
	require.NoError(t, err)
	return hashRequest(members)
}

func TestRequestHash(t *testing.T) {
	same := hashOf(t, `{"pipeline_name":"a","parameters":{"x":[1,{"k":1.0,"j":"é"}],"y":null}}`)
	for _, body := range []string{
		`{ "parameters" : {"y":null, "x":[ 1 , {"j":"\u00e9","k":1.0} ] } , "pipeline_name" : "a" }`,
		`{"pipeline_name":"\u0061","tags":null,"parameters":{"x":[1,{"k":1.0,"j":"é"}],"y":null}}`,
	} {
		require.Equal(t, same, hashOf(t, body), body)
	}
	for _, body := range []string{
		`{"pipeline_name":"a","parameters":{"x":[1,{"k":1,"j":"é"}],"y":null}}`,
		`{"pipeline_name":"a","parameters":{"x":[1,{"k":1.0,"j":"é"}]}}`,
		`{"pipeline_name":"a","parameters":{"x":[[1],{"k":1.0,"j":"é"}],"y":null}}`,
		`{"pipeline_name":"a","parameters":{"x":[1,"k",1.0,"j","é"],"y":null}}`,
		`{"pipeline_name":"a","parameters":{"x":["1",{"k":1.0,"j":"é"}],"y":null}}`,
	} {
		require.NotEqual(t, same, hashOf(t, body), body)
	}
	require.NotEqual(t, hashOf(t, `{"a":[1,23]}`), hashOf(t, `{"a":[12,3]}`))
	require.NotEqual(t, hashOf(t, `{"a":"b","c":"d"}`), hashOf(t, `{"a":"b1\"c1\"d"}`))
}

// FuzzSubmission holds the scanner against encoding/json: what it takes is JSON, what
// it refuses as malformed is none, and a value is handed on as it was sent.
func FuzzSubmission(f *testing.F) {
	f.Add(`{"pipeline_name": "train", "parameters": {"a": [1.5e-3, true, null, "\u00e9\\"]}, "tags": ["x"]}`)
	f.Add(`{"priority": 1e2, "run_at": "2026-11-25T01:20:16Z", "x": {"x": {}}, "y": [[], [0, -1]]}`)
	f.Add(`{"parameters": {"a": {"b": 1, "a": 2}, "A": 3}, "env": null, "labels": {"a": "b", "c": 1}}`)
	f.Add("{\"a\":\"\\ud834\\udd1e\", \"b\": \"\x7f\"}")
	f.Fuzz(func(t *testing.T, body string) {
		members, err := readObject([]byte(body))
		valid := json.Valid([]byte(body)) && utf8.ValidString(body)
		if err != nil {
			require.Equal(t, !valid, fault.Is(err, fault.Malformed), "%q: %v", body, err)
			return
		}
		require.True(t, valid, "%q", body)
		var want map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(body), &want))
		for _, m := range members {
			require.Equal(t, string(want[m.name]), string(m.raw), "%q", body)
		}
		hash := hashRequest(members)
		var compact bytes.Buffer
		require.NoError(t, json.Compact(&compact, []byte(body)))
		again, err := readObject(compact.Bytes())
		require.NoError(t, err)
		require.Equal(t, hash, hashRequest(again), "%q", body)
		sub, err := readSubmission(members, true)
		if err == nil {
			require.True(t, json.Valid(sub.Parameters))
			return
		}
		for _, code := range []fault.Code{fault.Invalid, fault.NotSupported} {
			if fault.Is(err, code) {
				return
			}
		}
		t.Fatalf("%q: %v", body, err)
	})
}
