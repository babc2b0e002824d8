package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
)

// web is what calls that the client package does not make go through.
var web = &http.Client{Timeout: 2 * patience}

// post sends a body as it stands, and gives the problem of the answer, if it is one.
func (s *server) post(t *testing.T, path, body string) (int, client.Problem) {
	t.Helper()
	status, answer := s.call(t, http.MethodPost, path, body)
	var p client.Problem
	if status >= 400 {
		require.NoError(t, json.Unmarshal([]byte(answer), &p), "%s", answer)
		require.Equal(t, status, p.Status)
		require.NotEmpty(t, p.Code)
		require.NotEmpty(t, p.Detail)
	}
	return status, p
}

// call does one HTTP call. Headers are name, value, name, value.
func (s *server) call(t *testing.T, method, path, body string, headers ...string) (int, string) {
	t.Helper()
	resp := s.open(t, method, path, body, headers...)
	defer resp.Body.Close()
	return resp.StatusCode, readAll(t, resp.Body)
}

func (s *server) open(t *testing.T, method, path, body string, headers ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(within(t), method, s.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := web.Do(req)
	require.NoError(t, err)
	return resp
}

func readAll(t *testing.T, r io.Reader) string {
	t.Helper()
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(text)
}
