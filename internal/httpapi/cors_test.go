package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/httpapi"
)

func TestCORS(t *testing.T) {
	const page = "https://board.example"
	r := newRig(t, func(o *httpapi.Options) { o.Origins = []string{"http://localhost:3000", page} })
	ask := func(origin, method string) reply {
		return r.plain(http.MethodOptions, "/api/v1/jobs", "", "Origin", origin, "Access-Control-Request-Method", method,
			"Access-Control-Request-Headers", "authorization,content-type", "Sec-Fetch-Site", "cross-site")
	}
	a := ask(page, "POST")
	require.Equal(t, http.StatusNoContent, a.status, "needs no key")
	require.Equal(t, page, a.header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, a.header.Get("Access-Control-Allow-Methods"), "POST")
	require.Contains(t, a.header.Get("Access-Control-Allow-Headers"), "Authorization")
	require.Empty(t, a.header.Get("Access-Control-Allow-Credentials"))

	a = r.call(http.MethodPost, "/api/v1/jobs", `{"pipeline_name": "train"}`, "Origin", page, "Sec-Fetch-Site", "cross-site")
	require.Equal(t, http.StatusCreated, a.status, a.body)
	require.Equal(t, page, a.header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "Origin", a.header.Get("Vary"))
	require.Contains(t, a.header.Get("Access-Control-Expose-Headers"), "Location")
	a = r.get("/api/v1/jobs/none", "Origin", page)
	require.Equal(t, http.StatusNotFound, a.status)
	require.Equal(t, page, a.header.Get("Access-Control-Allow-Origin"), "a page may read why it was refused")

	for _, other := range []string{"https://evil.example", "null", page + ".evil.example", "http://board.example", page + ":8443"} {
		require.Empty(t, ask(other, "POST").header.Get("Access-Control-Allow-Origin"), other)
		a := r.plain(http.MethodPost, "/api/v1/jobs", `{"pipeline_name": "train"}`, "Origin", other, "Sec-Fetch-Site", "cross-site")
		require.Equal(t, http.StatusForbidden, a.status, other)
		require.Empty(t, a.header.Get("Access-Control-Allow-Origin"), other)
		require.Equal(t, "Origin", a.header.Get("Vary"), "caches must not mix them up")
	}
}
