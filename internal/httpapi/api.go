// Package httpapi is kedrod's REST API. It turns requests into use cases of
// internal/service and their results into the types of package client; what may be
// asked and by whom is decided there.
//
// One table of operations (operations.go) says what exists: routes, query parameters,
// their checks and the OpenAPI document are all made from it. huma gives the OpenAPI
// model and the schemas of Go types. Its request handling is left out on purpose: it
// repeats refused values in its answers, builds errors through a process-wide
// variable, passes over query parameters it does not know, and decodes bodies more
// loosely than a promise of exact parameters allows.
package httpapi

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/kedrod/kedrod/internal/service"
)

// DefaultMaxBody holds 4 MiB of parameters and what stands around them.
const DefaultMaxBody = 5 << 20

// Options of New. Service must be set.
type Options struct {
	Service *service.Service
	Version string
	// IgnoreUnknownFields passes over unknown fields of a body instead of refusing them.
	IgnoreUnknownFields bool
	Log                 *slog.Logger // nil: nothing is logged
	MaxBody             int64        // bytes of a request's body; 0: DefaultMaxBody
	// AllowedHosts are the names and addresses, without ports, that a Host header may
	// carry: on a loopback address they keep other sites' pages from reaching the API
	// under a name of their own (DNS rebinding). Nil allows any.
	AllowedHosts []string
	// Authenticate says who calls, or refuses with a fault; nil: the service does, by
	// its keys. Operations that need no key never ask it.
	Authenticate func(*http.Request) (service.Caller, error)
	// Metrics answers GET /metrics; nil: there is no such thing. It needs the right to
	// read, and a key that is not limited to projects, unless MetricsPublic.
	Metrics       http.Handler
	MetricsPublic bool
	// Origins, as https://board.example, are those whose pages may call from browsers.
	Origins []string
	// Done ends streams and waits when it is closed, as it must be when the server
	// stops; nil: they end with their clients only.
	Done <-chan struct{}
	// Heartbeat is the time between two comments in a stream; 0: 15 s.
	Heartbeat time.Duration
}

// api serves the operations.
type api struct {
	o         Options
	service   *service.Service
	log       *slog.Logger
	mux       *http.ServeMux
	origins   *http.CrossOriginProtection
	documents func() (documents, error)
	stopping  context.Context     // ends with Options.Done
	bodies    *semaphore.Weighted // bytes of large bodies in memory
}

// New makes the API with everything it serves outside /api/v1. It never fails: the
// table of operations is checked by tests.
func New(o Options) http.Handler {
	if o.MaxBody == 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.Heartbeat == 0 {
		o.Heartbeat = 15 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a := &api{
		o: o, service: o.Service, log: o.Log, mux: http.NewServeMux(), origins: http.NewCrossOriginProtection(),
		bodies:    semaphore.NewWeighted(largeBodies * (o.MaxBody + bytes.MinRead)),
		documents: sync.OnceValues(func() (documents, error) { return describe(o.Version) }),
	}
	a.stopping = context.Background()
	if o.Done != nil {
		stopping, stop := context.WithCancel(a.stopping)
		a.stopping = stopping
		go func() { // one for all streams
			<-o.Done
			stop()
		}()
	}
	for _, origin := range o.Origins {
		if err := a.origins.AddTrustedOrigin(origin); err != nil { // the settings are checked before
			o.Log.Error("an origin is not understood, and may not call", "origin", origin, "error", err)
		}
	}
	for _, op := range operations() {
		a.mux.Handle(op.method+" "+op.path, a.handle(op))
	}
	a.outside()
	a.mux.HandleFunc("/", a.nothing)
	return a.around(a.mux)
}
