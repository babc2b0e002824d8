package httpapi

import (
	"fmt"
	"net/http"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/service"
)

func (a *api) submitAll(c *call) error {
	body, err := a.body(c)
	if err != nil {
		return err
	}
	members, err := readObject(body)
	if err != nil {
		return err
	}
	var batch service.Batch
	if batch.Items, err = readBatch(members, a.o.IgnoreUnknownFields); err != nil {
		return err
	}
	if batch.IdempotencyKey, err = idempotencyKey(c); err != nil {
		return err
	}
	if batch.IdempotencyKey != "" {
		batch.RequestHash = hashBatch(members)
	}
	views, existed, err := a.service.SubmitAll(c.ctx(), c.caller, batch)
	if err != nil {
		return err
	}
	status := http.StatusCreated
	if existed {
		status = http.StatusOK
	}
	at := base(c.r)
	return c.answer(status, client.Submitted{
		Items: each(views, func(v *service.JobView) client.Job { return wireJob(v, at, true, true) }),
	})
}

// noIdempotencyKey refuses what a bulk call would ignore.
func noIdempotencyKey(c *call) error {
	if len(c.r.Header.Values("Idempotency-Key")) == 0 {
		return nil
	}
	const message = "this call does not take one: leave it out"
	return fault.New(fault.NotSupported, "Idempotency-Key: "+message, fault.Field{Field: "Idempotency-Key", Message: message})
}

//kedrod:parser FuzzBodies
func readBatch(members []member, ignoreUnknown bool) ([]service.Submission, error) {
	var f refusals
	var subs []service.Submission
	for _, m := range members {
		switch {
		case m.null():
		case m.name == "items":
			var err error
			if subs, err = readItems(m.raw, ignoreUnknown); err != nil {
				return nil, err
			}
		case !ignoreUnknown:
			f.unknown("", m.name, []string{"items"})
		}
	}
	return subs, f.err()
}

//kedrod:parser FuzzBodies by readBatch
func readItems(raw []byte, ignoreUnknown bool) ([]service.Submission, error) {
	if raw[0] != '[' {
		return nil, fault.InvalidField("items", "must be a list of submissions")
	}
	items, ok := elements(raw, service.MaxBatch)
	if !ok {
		return nil, fault.InvalidField("items", fmt.Sprintf("between 1 and %d jobs", service.MaxBatch))
	}
	subs := make([]service.Submission, len(items))
	for i, item := range items {
		at := fmt.Sprintf("items[%d]", i)
		if item[0] != '{' {
			return nil, fault.InvalidField(at, "must be an object, a submission")
		}
		members, err := readObject(item)
		if err == nil {
			subs[i], err = readSubmission(members, ignoreUnknown)
		}
		if err != nil {
			return nil, fault.Within(err, at)
		}
	}
	return subs, nil
}

func (a *api) remove(c *call) error {
	if err := a.noBody(c); err != nil {
		return err
	}
	if err := a.service.Delete(c.ctx(), c.caller, c.id()); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}
