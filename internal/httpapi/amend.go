package httpapi

import (
	"net/http"
	"slices"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
)

func (a *api) amend(c *call) error {
	body, err := a.body(c)
	if err != nil {
		return err
	}
	members, err := readObject(body)
	if err != nil {
		return err
	}
	change, err := readAmendment(members, a.o.IgnoreUnknownFields)
	if err != nil {
		return err
	}
	v, err := a.service.Amend(c.ctx(), c.caller, c.id(), change)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wireJob(&v, base(c.r), true, true))
}

// readAmendment reads a merge patch (RFC 7396), in which null takes a value away.
//
//kedrod:parser FuzzBodies
func readAmendment(members []member, ignoreUnknown bool) (job.Amendment, error) {
	var a job.Amendment
	var f refusals
	for _, m := range members {
		d := decoder{refusals: &f, member: m}
		switch {
		case m.name == "priority" && m.null():
			a.Priority = new(int)
		case m.name == "priority":
			a.Priority = d.integer()
		case m.name == "run_at":
			if a.SetRunAt = true; !m.null() {
				a.RunAt = d.moment()
			}
		case m.name == "labels" && m.null():
			a.NoLabels = true
		case m.name == "labels":
			a.Labels = d.patch()
		case slices.Contains(taken(), m.name) || slices.Contains(notYet(), m.name):
			f.add(fault.Invalid, m.name, "can't be changed: cancel the job and submit it anew")
		case !ignoreUnknown:
			f.unknown("", m.name, []string{"priority", "run_at", "labels"})
		}
	}
	return a, f.err()
}

// patch reads an object of strings and nulls.
func (d decoder) patch() map[string]*string {
	if d.raw[0] != '{' {
		d.must("an object of strings, or of nulls to take labels away")
		return nil
	}
	members, err := readObject(d.raw)
	if err != nil { // cannot be: the body was read whole
		d.must("an object of strings")
		return nil
	}
	values := make(map[string]*string, len(members))
	for _, m := range members {
		if m.null() {
			values[m.name] = nil
			continue
		}
		s, ok := textOf(m.raw)
		if !ok {
			d.add(fault.Invalid, d.name+"."+printable(m.name), "must be a string, or null to take it away")
			continue
		}
		values[m.name] = &s
	}
	return values
}
