package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/service"
	"github.com/kedrod/kedrod/internal/store"
)

func (a *api) cancelAll(c *call) error { return a.bulk(c, a.service.CancelAll) }

func (a *api) retryAll(c *call) error { return a.bulk(c, a.service.RetryAll, "from") }

func (a *api) bulk(c *call, do func(context.Context, service.Caller, service.Selection) ([]string, error), also ...string) error {
	if err := noIdempotencyKey(c); err != nil {
		return err
	}
	body, err := a.body(c)
	if err != nil {
		return err
	}
	members, err := readObject(body)
	if err != nil {
		return err
	}
	if len(also) > 0 {
		if err := readFrom(members); err != nil {
			return err
		}
	}
	sel, err := readSelection(members, a.o.IgnoreUnknownFields, also)
	if err != nil {
		return err
	}
	ids, err := do(c.ctx(), c.caller, sel)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, client.Selected{Count: len(ids), Items: list(ids)})
}

//kedrod:parser FuzzBodies
func readSelection(members []member, ignoreUnknown bool, also []string) (service.Selection, error) {
	var sel service.Selection
	var f refusals
	known := append([]string{"ids", "filter", "expect"}, also...)
	for _, m := range members {
		d := decoder{refusals: &f, member: m}
		switch {
		case m.null():
		case m.name == "ids":
			sel.IDs = d.texts()
		case m.name == "expect":
			sel.Expect = d.integer()
		case m.name == "filter":
			filter, err := readFilter(m.raw, ignoreUnknown)
			if err != nil {
				return sel, err
			}
			sel.Filter = &filter
		case len(also) > 0 && m.name == also[0]:
		case !ignoreUnknown:
			f.unknown("", m.name, known)
		}
	}
	return sel, f.err()
}

// readFilter reads the filters of a list as an object. One that selects everything is
// refused: it is what a script sends whose variables are not set.
//
//kedrod:parser FuzzBodies by readSelection
func readFilter(raw []byte, ignoreUnknown bool) (store.Filter, error) {
	var filter store.Filter
	if raw[0] != '{' {
		return filter, fault.InvalidField("filter", "must be an object, such as {\"status\": [\"failed\"]}")
	}
	members, err := readObject(raw)
	if err != nil {
		return filter, fault.Within(err, "filter")
	}
	var f refusals
	given := 0
	for _, m := range members {
		d := decoder{refusals: &f, member: m}
		if m.null() {
			continue
		}
		given++
		switch m.name {
		case "id":
			filter.IDs = d.some()
		case "status":
			for _, word := range d.some() {
				filter.Statuses = append(filter.Statuses, job.Status(word))
			}
		case "pipeline_name":
			filter.Pipelines = d.some()
		case "user_id":
			filter.UserIDs = d.some()
		case "submitted_by":
			filter.SubmittedBy = d.some()
		case "project":
			filter.Projects = d.some()
		case "label":
			filter.Labels = d.some()
		case "created_since":
			filter.CreatedSince = d.moment()
		case "created_until":
			filter.CreatedUntil = d.moment()
		case "q":
			if filter.Query, _ = d.text(); filter.Query == "" || strings.ContainsRune(filter.Query, 0) {
				d.must("text that is not empty and holds no NUL")
			}
		case "schedule_id":
			f.add(fault.NotSupported, m.name, "this version does not take it yet: leave it out")
		default:
			if !ignoreUnknown {
				f.unknown("", m.name, filterNames())
			} else {
				given--
			}
		}
	}
	if given == 0 {
		return filter, fault.InvalidField("filter", "must name something: an empty one selects every job")
	}
	return filter, fault.Within(f.err(), "filter")
}

func filterNames() []string {
	return []string{"id", "status", "pipeline_name", "user_id", "submitted_by", "project", "label", "created_since", "created_until", "q", "schedule_id"}
}

// some reads one text or a list of them, none of which may be empty.
func (d decoder) some() []string {
	var values []string
	if d.raw[0] == '"' {
		if s, ok := d.text(); ok {
			values = []string{s}
		}
	} else {
		values = d.texts()
	}
	if len(values) == 0 || len(values) > maxValues {
		d.must(fmt.Sprintf("1 to %d strings", maxValues))
		return nil
	}
	for _, v := range values {
		if v == "" || len(v) > maxText || strings.ContainsRune(v, 0) {
			d.must(fmt.Sprintf("strings of 1 to %d bytes without NUL", maxText))
			return nil
		}
	}
	return values
}
