package httpapi

import (
	"crypto/rand"
	"log/slog"
	"net"
	"net/http"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/kedrod/kedrod/internal/fault"
)

const requestID = "X-Request-Id"

// around is what happens to every request, before and after its handler.
func (a *api) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		w := newWriter(rw)
		id := r.Header.Get(requestID)
		if !sane(id) {
			id = rand.Text()[:16]
		}
		h := w.Header()
		h.Set(requestID, id)
		h.Set("X-Content-Type-Options", "nosniff")
		defer a.note(w, r, id, begun)
		defer a.recover(w, r, id)
		if a.cors(w, r) {
			return
		}
		if err := a.admit(r); err != nil {
			a.deny(w, r, err)
			return
		}
		trimSlash(r)
		if p := r.URL.EscapedPath(); p != "" && path.Clean(p) != p {
			a.deny(w, r, noSuchPath()) // ServeMux would redirect, in HTML
			return
		}
		next.ServeHTTP(w, r)
	})
}

// sane tells a request id of the client's that may stand in our log.
func sane(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	return strings.IndexFunc(id, func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && !strings.ContainsRune("-_.:", c)
	}) < 0
}

// note logs the request; its query is left out, as it may hold what the log must not.
func (a *api) note(w *writer, r *http.Request, id string, begun time.Time) {
	level := slog.LevelDebug
	if w.status >= http.StatusInternalServerError {
		level = slog.LevelInfo
	}
	if a.log.Enabled(r.Context(), level) {
		a.log.Log(r.Context(), level, "request", "id", id, "method", r.Method, "path", r.URL.Path, "status", w.status,
			"ms", float64(time.Since(begun).Microseconds())/1000, "bytes", w.bytes)
	}
}

// recover answers a panic and logs it with its stack, which no client sees.
func (a *api) recover(w *writer, r *http.Request, id string) {
	p := recover() //nolint:revive // around defers this method itself
	switch p {
	case nil:
	case http.ErrAbortHandler:
		panic(p)
	default:
		a.log.Error("a handler panicked", "id", id, "method", r.Method, "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
		if w.status != 0 {
			panic(http.ErrAbortHandler)
		}
		writeProblem(w, fault.New(fault.Internal, ""))
	}
}

// admit refuses what a browser sends on behalf of another site.
func (a *api) admit(r *http.Request) error {
	if !a.hostAllowed(r.Host) {
		return fault.New(fault.Forbidden, "the Host header names a host that this service does not answer for: call it by the address it listens on")
	}
	if err := a.origins.Check(r); err != nil {
		return fault.New(fault.Forbidden, "a page of another origin may not call this service")
	}
	return nil
}

func (a *api) hostAllowed(host string) bool {
	if a.o.AllowedHosts == nil {
		return true
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	return slices.ContainsFunc(a.o.AllowedHosts, func(allowed string) bool {
		return strings.EqualFold(strings.Trim(allowed, "[]"), host)
	})
}

// trimSlash makes a path with a slash at its end the same as without.
func trimSlash(r *http.Request) {
	u := r.URL
	if len(u.Path) < 2 || u.Path[len(u.Path)-1] != '/' || strings.HasSuffix(u.RawPath, "%2F") || strings.HasSuffix(u.RawPath, "%2f") {
		return
	}
	u.Path = u.Path[:len(u.Path)-1]
	u.RawPath = strings.TrimSuffix(u.RawPath, "/")
}

func noSuchPath() error {
	return fault.New(fault.NotFound, "there is nothing at this path; /openapi.json lists the calls, which begin with /api/v1")
}

// nothing answers what no operation serves: 405 where the path has other methods.
func (a *api) nothing(rw http.ResponseWriter, r *http.Request) {
	w := rw.(*writer) //nolint:errcheck // around gives every handler a *writer
	var allow []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		probe := &http.Request{Method: method, URL: r.URL, Host: r.Host}
		if _, pattern := a.mux.Handler(probe); pattern != "/" && pattern != "" {
			allow = append(allow, method)
		}
	}
	if len(allow) == 0 {
		a.deny(w, r, noSuchPath())
		return
	}
	w.Header().Set("Allow", strings.Join(allow, ", "))
	a.deny(w, r, fault.New(fault.MethodNotAllowed, "this path takes "+strings.Join(allow, ", ")))
}
