package httpapi

import (
	"net/http"
	"strings"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/service"
)

func (a *api) health(c *call) error {
	h := a.service.Health(c.ctx())
	w := client.Health{Status: string(h.Grade), Version: h.Version, Checks: map[string]client.Check{}}
	for name, check := range h.Checks {
		w.Checks[name] = client.Check{Status: string(check.Grade), Message: check.Message}
	}
	status := http.StatusOK
	if h.Grade == service.Down {
		status = http.StatusServiceUnavailable
	}
	return c.answer(status, w)
}

// live answers as long as the process serves at all.
func (a *api) live(c *call) error { return c.plain("ok\n") }

func (a *api) ready(c *call) error {
	if err := a.service.Ready(c.ctx()); err != nil {
		return err
	}
	return c.plain("ok\n")
}

func (c *call) plain(body string) error {
	c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	c.w.Header().Set("Cache-Control", "no-store")
	writeBytes(c.w, http.StatusOK, []byte(body))
	return nil
}

// front points who comes without a path to what there is.
func (a *api) front(c *call) error {
	if strings.Contains(c.r.Header.Get("Accept"), "text/html") {
		http.Redirect(c.w, c.r, "/docs", http.StatusSeeOther)
		return nil
	}
	return c.plain("kedrod " + a.o.Version + "\nAPI: /api/v1, described at /docs and /openapi.json\n")
}
