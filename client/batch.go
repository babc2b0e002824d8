package client

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
)

// Batch asks for several runs, all or none.
type Batch struct {
	Items []Submission `json:"items" doc:"1 to 1,000 submissions."`
}

// Submitted is what a Batch came to, in its order.
type Submitted struct {
	Items []Job `json:"items"`
}

// SubmitAll asks for several runs, all or none, and gives the jobs in the same order.
// It carries an Idempotency-Key of its own, so that it can be sent again when the
// connection breaks before the answer.
func (c *Client) SubmitAll(ctx context.Context, items []Submission) ([]Job, error) {
	body, err := json.Marshal(Batch{items})
	if err != nil {
		return nil, fmt.Errorf("the batch is no JSON: %w", err)
	}
	k := call{method: http.MethodPost, path: api("jobs", "batch"), body: body, header: http.Header{"Idempotency-Key": {rand.Text()}}}
	var answer Submitted
	err = c.get(ctx, k, &answer)
	if unreachable(err) && isCut(err) {
		err = c.get(ctx, k, &answer)
	}
	return answer.Items, err
}

// Delete removes a job that ended, with its log and all else that is kept of it.
func (c *Client) Delete(ctx context.Context, id string) error {
	resp, err := c.open(ctx, call{method: http.MethodDelete, path: api("jobs", id)})
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
