package httpapi

import (
	"embed"
	"net/http"
	"path"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/service"
)

// docsui holds swagger-ui-dist 5.35.0 as npm has it, less what a page of ours does
// not load, and that page.
//
//go:embed docsui
var docsui embed.FS

// docsPolicy lets the page load from this service alone. Swagger UI sets style
// attributes and shows icons from data: URLs.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// outside serves what lies beside the operations: the front, the OpenAPI documents
// and the page that shows them.
func (a *api) outside() {
	a.page("GET /{$}", (*api).front)
	a.page("GET /openapi.json", func(a *api, c *call) error {
		return a.document(c, "application/json", func(d documents) []byte { return d.json31 })
	})
	a.page("GET /openapi.yaml", func(a *api, c *call) error {
		return a.document(c, "application/yaml", func(d documents) []byte { return d.yaml31 })
	})
	a.page("GET /openapi-3.0.json", func(a *api, c *call) error {
		return a.document(c, "application/json", func(d documents) []byte { return d.json30 })
	})
	if a.o.Metrics != nil {
		a.mux.Handle("GET /metrics", a.handle(operation{
			method: http.MethodGet, path: "/metrics", id: "get-metrics", public: a.o.MetricsPublic, right: service.Read, whole: true,
			serve: func(a *api, c *call) error {
				a.o.Metrics.ServeHTTP(c.w, c.r)
				return nil
			},
		}))
	}
	a.page("GET /docs", func(_ *api, c *call) error { return docsFile(c, "index.html", "text/html; charset=utf-8") })
	a.page("GET /docs/{file}", func(_ *api, c *call) error {
		name := c.r.PathValue("file")
		switch path.Ext(name) {
		case ".js":
			return docsFile(c, name, "text/javascript; charset=utf-8")
		case ".css":
			return docsFile(c, name, "text/css; charset=utf-8")
		case ".txt":
			return docsFile(c, name, "text/plain; charset=utf-8")
		}
		return noFile()
	})
}

func (a *api) page(pattern string, serve func(*api, *call) error) {
	a.mux.Handle(pattern, a.handle(operation{public: true, serve: serve}))
}

func (a *api) document(c *call, kind string, form func(documents) []byte) error {
	d, err := a.documents()
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", kind)
	c.w.Header().Set("Cache-Control", "no-cache")
	writeBytes(c.w, http.StatusOK, form(d))
	return nil
}

func docsFile(c *call, name, kind string) error {
	b, err := docsui.ReadFile("docsui/" + name)
	if err != nil {
		return noFile()
	}
	h := c.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Security-Policy", docsPolicy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-cache")
	if name == "swagger-ui-bundle.js" || name == "swagger-ui.css" { // large, and rarely another
		h.Set("Cache-Control", "public, max-age=3600")
	}
	writeBytes(c.w, http.StatusOK, b)
	return nil
}

func noFile() error {
	return fault.New(fault.NotFound, "there is no such file; the page is /docs")
}
