package hostile

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestHalfCharacters: half of a surrogate pair is no text. Where a text is meant it is
// refused, and parameters, which go on as they are sent, are refused as a whole.
func TestHalfCharacters(t *testing.T) {
	s := newServer(t)
	const half = `"a\ud800b"`
	for field, value := range map[string]string{
		"pipeline_name": half, "user_id": half, "project": half, "env": half, "tags": "[" + half + "]", "node_names": "[" + half + "]", "from_nodes": "[" + half + "]",
		"to_nodes": "[" + half + "]", "retry_on": "[" + half + "]", "run_at": half, "labels": `{"a":` + half + `}`, "requires": `{"a":` + half + `}`, "concurrency_key": half,
		"labels ": `{` + half + `:"a"}`, "requires ": `{` + half + `:"a"}`,
	} {
		field = strings.TrimSpace(field)
		body := `{"pipeline_name":"train"`
		if field == "pipeline_name" {
			body = `{"user_id":"u"`
		}
		a := s.call(http.MethodPost, "/api/v1/jobs", strings.NewReader(body+`,"`+field+`":`+value+`}`))
		refused(t, a, field+" "+value)
		require.Contains(t, a.body, field)
	}
	for path, body := range map[string]string{
		"/api/v1/jobs/cancel": `{"expect":1,"filter":{"q":` + half + `}}`, "/api/v1/jobs/retry": `{"expect":1,"ids":[` + half + `]}`,
		"/api/v1/keys": `{"role":"viewer","name":` + half + `}`, "/api/v1/jobs/batch": `{"items":[{"pipeline_name":` + half + `}]}`,
	} {
		refused(t, s.call(http.MethodPost, path, strings.NewReader(body)), path)
	}
	a := s.call(http.MethodPost, "/api/v1/jobs", strings.NewReader(`{"pipeline_name":"train","parameters":{"a":[`+half+`],"b":"\u0000"}}`))
	if a.status != http.StatusCreated {
		refused(t, a, "parameters")
	} else {
		require.True(t, json.Valid([]byte(a.body)))
		require.Contains(t, a.body, half, "as it was sent")
	}
}

// TestOddNamesOfKeys: a key's name stands in jobs and in the audit; every odd one is
// refused, or comes back as it was sent.
func TestOddNamesOfKeys(t *testing.T) {
	s := newServer(t)
	a := s.call(http.MethodPost, "/api/v1/keys", strings.NewReader(`{"name":"root","role":"admin"}`))
	require.Equal(t, http.StatusCreated, a.status, a.body)
	var root struct{ Key string }
	require.NoError(t, json.Unmarshal([]byte(a.body), &root))
	auth := []string{"Authorization", "Bearer " + root.Key}
	for name, text := range odd() {
		body, err := json.Marshal(map[string]any{"name": text, "role": "viewer", "projects": []string{"sales"}})
		require.NoError(t, err)
		a := s.call(http.MethodPost, "/api/v1/keys", bytes.NewReader(body), auth...)
		if a.status != http.StatusCreated {
			refused(t, a, name)
		} else {
			var key struct{ ID, Name string }
			require.NoError(t, json.Unmarshal([]byte(a.body), &key))
			require.Equal(t, text, key.Name)
			require.Equal(t, http.StatusOK, s.call(http.MethodDelete, "/api/v1/keys/"+key.ID, nil, auth...).status)
		}
		body, err = json.Marshal(map[string]any{"name": "n", "role": text, "projects": []string{text}, "expires_at": text})
		require.NoError(t, err)
		refused(t, s.call(http.MethodPost, "/api/v1/keys", bytes.NewReader(body), auth...), "role "+name)
		a = s.call(http.MethodGet, "/api/v1/audit?limit=500", nil, auth...)
		require.Equal(t, http.StatusOK, a.status, a.body)
	}
}

// TestOddAmendments: the same for what a PATCH and calls on many jobs take.
func TestOddAmendments(t *testing.T) {
	s := newServer(t)
	a := s.call(http.MethodPost, "/api/v1/jobs", strings.NewReader(`{"pipeline_name": "train"}`))
	require.Equal(t, http.StatusCreated, a.status, a.body)
	var j struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(a.body), &j))
	for name, text := range odd() {
		for what, change := range map[string]any{
			"label": map[string]any{"labels": map[string]any{"k": text}}, "label's key": map[string]any{"labels": map[string]any{text: "v"}},
			"run_at": map[string]any{"run_at": text}, "field": map[string]any{text: text},
		} {
			body, err := json.Marshal(change)
			require.NoError(t, err)
			a := s.call(http.MethodPatch, "/api/v1/jobs/"+j.ID, bytes.NewReader(body))
			if a.status != http.StatusOK {
				refused(t, a, what+" "+name)
				continue
			}
			require.NotEqual(t, "run_at", what)
			var got struct{ Labels map[string]string }
			require.NoError(t, json.Unmarshal([]byte(a.body), &got))
			if what == "label" {
				require.Equal(t, text, got.Labels["k"], name)
			} else {
				require.Equal(t, "v", got.Labels[text], name)
			}
			cleared := s.call(http.MethodPatch, "/api/v1/jobs/"+j.ID, strings.NewReader(`{"labels": null}`))
			require.Equal(t, http.StatusOK, cleared.status)
		}
		for _, filter := range []string{"id", "status", "pipeline_name", "user_id", "submitted_by", "project", "label", "created_since", "created_until", "q"} {
			body, err := json.Marshal(map[string]any{"expect": 0, "filter": map[string]string{filter: text}})
			require.NoError(t, err)
			a := s.call(http.MethodPost, "/api/v1/jobs/retry", bytes.NewReader(body))
			if a.status != http.StatusOK {
				refused(t, a, filter+" "+name)
			}
		}
	}
}

// bomb is 64 MiB of one byte, packed a thousand times smaller.
func bomb(t *testing.T) []byte {
	t.Helper()
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	require.NoError(t, err)
	_, err = io.CopyN(z, &endless{1 << 30}, 1<<26)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return packed.Bytes()
}

// TestPackedBodies are never unpacked.
func TestPackedBodies(t *testing.T) {
	packed := bomb(t)
	s := newServer(t)
	before := allocated()
	for _, coding := range []string{"gzip", "deflate", "br", "gzip, identity"} {
		a := s.call(http.MethodPost, "/api/v1/jobs", bytes.NewReader(packed), "Content-Encoding", coding)
		refused(t, a, coding)
		require.Contains(t, a.body, "without Content-Encoding")
	}
	refused(t, s.call(http.MethodPost, "/api/v1/jobs", bytes.NewReader(packed)), "packed, and not said")
	a := s.call(http.MethodPost, "/api/v1/jobs", strings.NewReader(`{"pipeline_name": "train"}`), "Content-Encoding", "identity")
	require.Equal(t, http.StatusCreated, a.status, a.body)
	grown := allocated() - before
	t.Logf("%d MiB were taken from the heap in all", grown>>20)
	require.Less(t, grown, uint64(100<<20), "of %d bytes packed", len(packed))
}
