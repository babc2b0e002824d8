package client

import "context"

// Delivery tells one receiver of a job's end. Status is an open set: expect new words.
type Delivery struct {
	ID            string  `json:"id" doc:"As in the message and its header Kedrod-Delivery; the same in every attempt."`
	Event         string  `json:"event" doc:"job.completed, job.failed, job.cancelled."`
	Status        string  `json:"status" doc:"pending, delivered; failed: given up."`
	Attempts      int     `json:"attempts" doc:"Attempts that have begun."`
	CreatedAt     Time    `json:"created_at" doc:"When the job's end was recorded."`
	NextAttemptAt *Time   `json:"next_attempt_at" doc:"While it is pending."`
	CompletedAt   *Time   `json:"completed_at"`
	StatusCode    *int    `json:"status_code" doc:"What the receiver answered last; null where no answer came."`
	Error         *string `json:"error" doc:"What was wrong with the last attempt."`
}

// Deliveries gives what was, or is to be, told of a job's end to its CallbackURL.
func (c *Client) Deliveries(ctx context.Context, id string) ([]Delivery, error) {
	return items[Delivery](ctx, c, api("jobs", id, "deliveries"), nil)
}
