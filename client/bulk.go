package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// Selection names many jobs, at most 10,000: by their whole ids, or by a filter.
type Selection struct {
	IDs    []string   `json:"ids,omitempty" doc:"Whole ids, in place of filter."`
	Filter *JobFilter `json:"filter,omitempty" doc:"What a list would be asked for."`
	Expect *int       `json:"expect,omitempty" doc:"How many jobs there must be, else nothing is done; needed with filter."`
}

// RetrySelection is a Selection of jobs that ended, to be submitted once more.
type RetrySelection struct {
	From string `json:"from,omitempty" doc:"start, which is also meant when it is left out."`
	Selection
}

// JobFilter selects jobs as the filters of a list do: a job must fit every field that
// is set, and one of the values where a field has several.
type JobFilter struct {
	ID           []string `json:"id,omitempty" doc:"Beginning or end of an id, 6 or more characters."`
	Status       []string `json:"status,omitempty"`
	PipelineName []string `json:"pipeline_name,omitempty"`
	UserID       []string `json:"user_id,omitempty"`
	SubmittedBy  []string `json:"submitted_by,omitempty"`
	Project      []string `json:"project,omitempty"`
	Label        []string `json:"label,omitempty" doc:"Each key:value."`
	CreatedSince *Time    `json:"created_since,omitempty" doc:"At this time or later."`
	CreatedUntil *Time    `json:"created_until,omitempty" doc:"Before this time."`
	Q            string   `json:"q,omitempty" doc:"Part of the id, pipeline's name, user id or error message, ignoring case."`
}

// Selected is what a call on many jobs came to.
type Selected struct {
	Count int      `json:"count"`
	Items []string `json:"items" doc:"Ids of the jobs; of the new ones, where jobs were retried."`
}

// CancelAll asks for the end of many jobs, and gives their ids.
func (c *Client) CancelAll(ctx context.Context, s Selection) (*Selected, error) {
	return c.selected(ctx, "cancel", s)
}

// RetryAll submits many jobs that ended once more, and gives the ids of the new ones.
// When the connection breaks before the answer it is not known how many there are.
func (c *Client) RetryAll(ctx context.Context, s RetrySelection) (*Selected, error) {
	return c.selected(ctx, "retry", s)
}

func (c *Client) selected(ctx context.Context, verb string, request any) (*Selected, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("the selection is no JSON: %w", err)
	}
	answer := new(Selected)
	if err := c.get(ctx, call{method: http.MethodPost, path: api("jobs", verb), body: body}, answer); err != nil {
		return nil, err
	}
	return answer, nil
}
