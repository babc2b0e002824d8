package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/service"
	"github.com/kedrod/kedrod/internal/store"
)

// JobOfMessage writes a job as receivers of its end get it: as in the API, without
// parameters and results. As nobody called, web_url is a path only; callback_url is cut
// as for viewers, since not every receiver is that one.
func JobOfMessage(j *job.Job) (json.RawMessage, error) {
	v := service.JobView{Job: *j}
	if v.CallbackURL != "" {
		v.CallbackURL = job.ShownURL(v.CallbackURL)
	}
	b, err := json.Marshal(wireJob(&v, "", false, false))
	if err != nil {
		return nil, fmt.Errorf("write job %s: %w", j.ID, err)
	}
	return b, nil
}

func (a *api) deliveries(c *call) error {
	list, err := a.service.Deliveries(c.ctx(), c.caller, c.id())
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, client.Page[client.Delivery]{Items: each(list, wireDelivery)})
}

func wireDelivery(d *store.Delivery) client.Delivery {
	w := client.Delivery{
		ID: d.ID, Event: d.Event, Status: string(d.State), Attempts: d.Attempts, CreatedAt: client.Time{Time: d.CreatedAt},
		NextAttemptAt: wireTime(d.NextAt), CompletedAt: wireTime(d.EndedAt), Error: given(d.Error),
	}
	if d.Answer != 0 {
		w.StatusCode = &d.Answer
	}
	return w
}
