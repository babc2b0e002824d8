package httpapi

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/service"
)

// Document is the OpenAPI model, for tests that hold answers against it.
func Document() *huma.OpenAPI { return document("test") }

// Rule is what the table asks of an operation's callers.
type Rule struct {
	ID, Method, Path string
	Public, Whole    bool
	Right            service.Right
}

// Rules gives the rule of every operation.
func Rules() []Rule {
	var rules []Rule
	for _, op := range operations() {
		rules = append(rules, Rule{op.id, op.method, op.path, op.public, op.whole, op.right})
	}
	return rules
}

// Lawless is an API with two operations whose use cases ask for no right: one without
// a rule, and one that the table gives to administrators of the whole service.
func Lawless(o Options) http.Handler {
	a := &api{o: o, service: o.Service, log: slog.New(slog.DiscardHandler), mux: http.NewServeMux(), origins: http.NewCrossOriginProtection(),
		stopping: context.Background()}
	a.mux.Handle("GET /lawless", a.handle(operation{method: "GET", id: "lawless", serve: func(_ *api, c *call) error { return c.plain("served") }}))
	a.mux.Handle("GET /whole", a.handle(operation{method: "GET", id: "whole", right: service.Admin, whole: true, serve: func(_ *api, c *call) error { return c.plain("served") }}))
	return a.around(a.mux)
}

// StatusOf is statusOf, for tests.
func StatusOf(code fault.Code) int { return statusOf(code) }
