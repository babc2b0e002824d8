package client

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
)

// Retry asks for a job that ended to run once more, as a new job. What is set in the
// Submission goes over the fields of the old job; zero values keep them.
type Retry struct {
	From string `json:"from,omitempty" doc:"start: the whole run once more, which is also meant when it is left out; failure comes with a later version."`
	Submission
}

// Retry gives the new job, as accepted.
func (c *Client) Retry(ctx context.Context, id string, r Retry) (*Job, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("the retry is no JSON: %w", err)
	}
	// The key guards the client's own repetitions.
	k := call{method: http.MethodPost, path: api("jobs", id, "retry"), body: body, header: http.Header{"Idempotency-Key": {rand.Text()}}}
	job := new(Job)
	err = c.get(ctx, k, job)
	if unreachable(err) && isCut(err) {
		err = c.get(ctx, k, job)
	}
	if err != nil {
		return nil, err
	}
	return job, nil
}
