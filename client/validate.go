package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// Validation is what would become of a submission.
type Validation struct {
	Valid             bool           `json:"valid" doc:"It would be accepted, and nothing is known that would make it fail."`
	Code              *string        `json:"code" doc:"Of the refusal."`
	Errors            []ProblemField `json:"errors"`
	Project           *string        `json:"project"`
	TimeoutSeconds    *float64       `json:"timeout_seconds"`
	WouldWaitFor      *string        `json:"would_wait_for" doc:"Why it would not run at once, a sentence."`
	Nodes             []string       `json:"nodes" doc:"Names of the nodes that would run, in topological order; null where the registry does not tell."`
	MissingInputs     []string       `json:"missing_inputs" doc:"Null in this version."`
	UnknownParameters []string       `json:"unknown_parameters" doc:"Null in this version."`
}

// Validate asks what would become of a submission; it runs and stores nothing.
func (c *Client) Validate(ctx context.Context, s Submission) (*Validation, error) {
	body, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("the submission is no JSON: %w", err)
	}
	v := new(Validation)
	if err := c.get(ctx, call{method: http.MethodPost, path: api("jobs", "validate"), body: body}, v); err != nil {
		return nil, err
	}
	return v, nil
}
