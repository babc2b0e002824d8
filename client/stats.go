package client

import (
	"context"
	"net/http"
	"net/url"
)

// Stats counts the jobs that were created within a window.
type Stats struct {
	Since      Time           `json:"since" doc:"Begin of the window; later when there were more than 100,000 jobs in it."`
	Until      Time           `json:"until"`
	Complete   bool           `json:"complete" doc:"False: only the newest jobs were counted, those since since."`
	Total      int            `json:"total"`
	ByStatus   map[string]int `json:"by_status"`
	ByPipeline map[string]int `json:"by_pipeline" doc:"The 500 most frequent."`
	ByReason   map[string]int `json:"by_reason" doc:"Jobs without a reason left out."`
}

// Stats counts the jobs of a window such as 90m, 24h or 7d; "" is 24h.
func (c *Client) Stats(ctx context.Context, window string) (*Stats, error) {
	k := call{method: http.MethodGet, path: api("stats")}
	if window != "" {
		k.query = url.Values{"window": {window}}
	}
	stats := new(Stats)
	if err := c.get(ctx, k, stats); err != nil {
		return nil, err
	}
	return stats, nil
}
