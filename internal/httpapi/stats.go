package httpapi

import (
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/service"
)

func (a *api) stats(c *call) error {
	window := 24 * time.Hour
	if given := c.query.text("window"); given != "" {
		var err error
		if window, err = readWindow(given); err != nil {
			return err
		}
	}
	s, err := a.service.Stats(c.ctx(), c.caller, window)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, client.Stats{
		Since: client.Time{Time: s.Since}, Until: client.Time{Time: s.Until}, Complete: s.Complete, Total: s.Total,
		ByStatus: s.ByStatus, ByPipeline: s.ByPipeline, ByReason: s.ByReason,
	})
}

var windowText = regexp.MustCompile(`^([0-9]{1,8})(s|m|h|d|w)$`)

//kedrod:parser FuzzWindow
func readWindow(text string) (time.Duration, error) {
	units := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}
	if m := windowText.FindStringSubmatch(text); m != nil {
		n, err := strconv.Atoi(m[1])
		// Compared as a number of units: a product could run over.
		if err == nil && n > 0 && n <= int(service.MaxWindow/units[m[2]]) {
			return time.Duration(n) * units[m[2]], nil
		}
	}
	return 0, fault.InvalidField("query.window", "must be a duration from 1s to 366d, such as 90m, 24h or 7d")
}
