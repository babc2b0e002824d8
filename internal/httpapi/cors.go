package httpapi

import (
	"net/http"
	"slices"
	"strings"
)

// Headers that pages of other origins may send, and read of an answer, beside those
// that browsers allow anyway.
const (
	corsSent = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, If-Range, Last-Event-ID, Range, X-Request-Id"
	corsRead = "Accept-Ranges, Content-Range, ETag, Kedrod-Attempt, Location, Retry-After, X-Request-Id"
)

// cors lets browsers show answers to pages of the origins that are named. Cookies and
// the like are never allowed along: a page has to hold a key. It reports whether it
// has answered, as it does a browser's question before a call (preflight).
func (a *api) cors(w http.ResponseWriter, r *http.Request) (answered bool) {
	if len(a.o.Origins) == 0 {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if !slices.ContainsFunc(a.o.Origins, func(o string) bool { return strings.EqualFold(o, origin) }) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		h.Set("Access-Control-Expose-Headers", corsRead)
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
	h.Set("Access-Control-Allow-Headers", corsSent)
	h.Set("Access-Control-Max-Age", "600")
	if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
		h.Set("Access-Control-Allow-Private-Network", "true")
	}
	w.WriteHeader(http.StatusNoContent)
	return true
}
