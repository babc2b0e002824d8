package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// JobPatch changes a pending job. Fields that are nil stay as they are; a patch that
// takes a value away is written by hand, as null.
type JobPatch struct {
	Priority *int               `json:"priority,omitempty" doc:"Null: 0."`
	RunAt    *Time              `json:"run_at,omitempty" doc:"Null: at once."`
	Labels   map[string]*string `json:"labels,omitempty" doc:"Laid over those that the job has; null takes one away, or all."`
}

// Change changes a pending job and gives it as it is then.
func (c *Client) Change(ctx context.Context, id string, p JobPatch) (*Job, error) {
	body, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("the change is no JSON: %w", err)
	}
	job := new(Job)
	if err := c.get(ctx, call{method: http.MethodPatch, path: api("jobs", id), body: body}, job); err != nil {
		return nil, err
	}
	return job, nil
}
