package client

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzProblem: whatever a server answers, it is an error that a person can read.
func FuzzProblem(f *testing.F) {
	f.Add(422, `{"code": "invalid", "detail": "d", "errors": [{"field": "a", "message": "m"}]}`, "3")
	f.Add(503, "<html>", "Wed, 21 Oct 2026 07:28:00 GMT")
	f.Add(0, `{"status": -1, "title": 3}`, "99999999999999999999")
	f.Add(429, `null`, "9223372036854775807")
	f.Fuzz(func(t *testing.T, status int, body, retryAfter string) {
		resp := &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {retryAfter}}, Body: io.NopCloser(strings.NewReader(body))}
		e := problemOf(resp)
		require.NotEmpty(t, e.Error())
		require.NotEmpty(t, e.Problem.Detail)
		require.True(t, 0 <= e.RetryAfter && e.RetryAfter <= maxRetryAfter, "%s", e.RetryAfter)
	})
}

// FuzzTime: what is read of the wire is written so again.
func FuzzTime(f *testing.F) {
	for _, seed := range []string{`"2026-11-25T01:20:16.340000+00:00"`, `null`, `""`, `"0000-01-01T00:00:00+14:00"`, `1`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var at Time
		if at.UnmarshalJSON(b) != nil {
			return
		}
		out, err := at.MarshalJSON()
		if err != nil {
			return // a year of more than four digits in UTC
		}
		var again Time
		require.NoError(t, again.UnmarshalJSON(out))
		require.True(t, at.Truncate(time.Microsecond).Equal(again.Time), "%s", b)
	})
}
