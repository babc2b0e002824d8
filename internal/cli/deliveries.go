package cli

import (
	"fmt"

	"github.com/kedrod/kedrod/client"
)

// delivery says where telling a receiver of the job's end stands.
func (a *app) delivery(d *client.Delivery) string {
	s := clean(d.Status)
	if d.Status == "failed" {
		s = a.out.status(s)
	}
	if d.CompletedAt != nil {
		s += " " + a.moment(d.CompletedAt)
	}
	if d.Attempts > 0 {
		s += ", " + count(d.Attempts, "attempt")
	}
	if d.Error != nil {
		s += ": " + clean(*d.Error)
	}
	if d.NextAttemptAt != nil && d.Attempts > 0 {
		s += fmt.Sprintf("; next %s", a.moment(d.NextAttemptAt))
	}
	return s
}
