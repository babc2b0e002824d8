package httpapi

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/kedrod/kedrod/internal/fault"
)

func (a *api) retry(c *call) error {
	members, err := a.members(c)
	if err != nil {
		return err
	}
	if err := readFrom(members); err != nil {
		return err
	}
	id, err := json.Marshal(c.id())
	if err != nil {
		return fmt.Errorf("id of the job: %w", err)
	}
	// No body has a field of this name: another job's retry is another request.
	request := append(slices.Clone(members), member{"retry_of", id})
	key, err := idempotencyKey(c)
	if err != nil {
		return err
	}
	if key != "" { // before the old job is looked for, which may be gone meanwhile
		first, err := a.service.Repeated(c.ctx(), c.caller, key, hashRequest(request))
		if err != nil {
			return err
		} else if first != nil {
			return a.accepted(c, *first, true)
		}
	}
	sub, err := a.service.Again(c.ctx(), c.caller, c.id())
	if err != nil {
		return err
	}
	if err := overlay(&sub, members, a.o.IgnoreUnknownFields, "from"); err != nil {
		return err
	}
	return a.accept(c, sub, request)
}

// members are the fields of a body that may be left out.
func (a *api) members(c *call) ([]member, error) {
	body, err := a.body(c)
	if err != nil || len(body) == 0 {
		return nil, err
	}
	return readObject(body)
}

// readFrom judges from where a retry begins.
//
//kedrod:parser FuzzBodies
func readFrom(members []member) error {
	i := slices.IndexFunc(members, func(m member) bool { return m.name == "from" })
	if i < 0 || members[i].null() {
		return nil
	}
	var f refusals
	switch from, ok := (decoder{refusals: &f, member: members[i]}).text(); {
	case !ok || from == "start":
	case from == "failure":
		f.add(fault.NotSupported, "from", "this version retries from the start only: leave it out")
	default:
		f.add(fault.Invalid, "from", "must be start or failure")
	}
	return f.err()
}
