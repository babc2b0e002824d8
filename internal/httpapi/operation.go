package httpapi

import (
	"net/http"

	"github.com/kedrod/kedrod/internal/service"
)

// operation is one call of the API: what routes, checks and the OpenAPI document are
// made from.
type operation struct {
	method, path string
	id           string // operationId, which generated clients make names of: it never changes
	tag          string
	summary      string
	doc          string
	query        []param
	headers      []header
	body         any  // a value of the type of the request's body; nil: none
	optional     bool // the body may be left out
	answers      []answer
	refusals     []int // statuses of problems, beside those of every operation
	// The rule: either public, or the right that its caller must have. whole: it is of the
	// service, not of a project, so a key that is limited to projects may not.
	public bool // needs no key
	right  service.Right
	whole  bool
	asks   bool // it changes nothing, although it is no GET: it is not audited
	serve  func(*api, *call) error
}

// header is a request's or an answer's header, documented.
type header struct{ name, doc string }

// answer is one that is no problem.
type answer struct {
	status  int
	doc     string
	media   string // "" is application/json where there is a body
	body    any    // a value of its type; nil: none, or text by media
	headers []header
}

const (
	media       = "application/json"
	mediaText   = "text/plain"
	mediaEvents = "text/event-stream"
)

// everywhere are the statuses of problems that any operation may answer: a query that
// is not well formed, another site's page, a parameter that is refused, our own
// fault, a store that can't be used; and where a key is asked for, none or too fast.
func everywhere(op *operation) []int {
	if !op.public {
		return append(everywhere(&operation{public: true}), http.StatusUnauthorized, http.StatusTooManyRequests)
	}
	return []int{http.StatusBadRequest, http.StatusForbidden, http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusServiceUnavailable}
}
