package httpapi

import (
	"errors"
	"net/http"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/service"
)

func (a *api) validate(c *call) error {
	body, err := a.body(c)
	if err != nil {
		return err
	}
	members, err := readObject(body)
	if err != nil {
		return err
	}
	var v service.Verdict
	sub, err := readSubmission(members, a.o.IgnoreUnknownFields)
	if !errors.As(err, &v.Refusal) {
		if v, err = a.service.Validate(c.ctx(), c.caller, sub); err != nil {
			return err
		}
	}
	answer := client.Validation{
		Valid: v.Refusal == nil, Errors: []client.ProblemField{}, Project: given(v.Project), WouldWaitFor: given(v.WaitingFor), Nodes: v.Nodes,
	}
	if v.Timeout > 0 {
		seconds := v.Timeout.Seconds()
		answer.TimeoutSeconds = &seconds
	}
	if v.Refusal != nil {
		answer.Code = given(string(v.Refusal.Code))
		answer.Errors = each(v.Refusal.Fields, func(f *fault.Field) client.ProblemField {
			return client.ProblemField{Field: f.Field, Message: f.Message}
		})
		if len(answer.Errors) == 0 {
			answer.Errors = append(answer.Errors, client.ProblemField{Message: v.Refusal.Message})
		}
	}
	return c.answer(http.StatusOK, answer)
}
