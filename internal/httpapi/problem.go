package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/fault"
)

const problemType = "application/problem+json"

// statusOf is the one place where a fault's code becomes an HTTP status.
func statusOf(code fault.Code) int {
	switch code {
	case fault.Malformed:
		return http.StatusBadRequest
	case fault.Unauthenticated:
		return http.StatusUnauthorized
	case fault.Forbidden:
		return http.StatusForbidden
	case fault.NotFound:
		return http.StatusNotFound
	case fault.MethodNotAllowed:
		return http.StatusMethodNotAllowed
	case fault.Conflict:
		return http.StatusConflict
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge
	case fault.BadRange:
		return http.StatusRequestedRangeNotSatisfiable
	case fault.Invalid, fault.UnknownField, fault.UnknownPipeline, fault.UnknownProject, fault.NotSupported:
		return http.StatusUnprocessableEntity
	case fault.RateLimited:
		return http.StatusTooManyRequests
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	case fault.Internal:
		return http.StatusInternalServerError
	}
	return http.StatusInternalServerError
}

// retryAfter is what a 503 or 429 tells clients to wait, in seconds, where nothing
// better is known.
const retryAfter = "1"

// problemOf makes the answer of an error. The text of an error that is no fault
// stays in our log.
func problemOf(err error) client.Problem {
	var f *fault.Error
	if !errors.As(err, &f) || f.Code == fault.Internal {
		f = fault.New(fault.Internal, "the service failed; its log says why, beside the X-Request-Id of this answer")
	}
	status := statusOf(f.Code)
	p := client.Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Code: string(f.Code),
		Detail: strings.ToValidUTF8(f.Message, "\uFFFD"),
	}
	for _, field := range f.Fields {
		p.Errors = append(p.Errors, client.ProblemField{Field: field.Field, Message: field.Message})
	}
	return p
}

// deny answers an error to a request whose body may not have been read.
func (a *api) deny(w *writer, r *http.Request, err error) {
	a.pass(w, r)
	writeProblem(w, err)
}

// writeProblem answers an error.
func writeProblem(w http.ResponseWriter, err error) {
	p := problemOf(err)
	b, err := json.Marshal(p)
	if err != nil { // cannot be: text and numbers only
		b = []byte(`{}`)
	}
	h := w.Header()
	for _, name := range []string{"Content-Encoding", "Content-Length", "Etag", "Last-Modified", "Accept-Ranges"} {
		h.Del(name)
	}
	h.Set("Content-Type", problemType)
	h.Set("Cache-Control", "no-store")
	if p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests {
		if h.Get("Retry-After") == "" {
			h.Set("Retry-After", retryAfter)
		}
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="kedrod"`)
	}
	writeBytes(w, p.Status, b)
}
