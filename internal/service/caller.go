package service

import (
	"context"
	"errors"
	"slices"

	"github.com/kedrod/kedrod/internal/auth"
	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/store"
)

// Right is what a use case asks of its caller.
type Right = auth.Right

// The rights, each containing the one before.
const (
	Read  = auth.Read
	Run   = auth.Run
	Admin = auth.Admin
)

// Caller is who asks. The zero value may do nothing.
type Caller struct {
	Name     *string // the key's name or the person's subject; nil without authentication
	KeyID    *string // nil without a key
	Rights   []Right
	Projects []string        // what it sees and touches; nil: everything
	Valid    context.Context // ends when the key is revoked or expires; nil: never
}

// Anonymous is everybody while there is no authentication: they may do everything.
func Anonymous() Caller { return Caller{Rights: auth.Rights()} }

// Need refuses a caller without the right. A whole thing is the service's, not a
// project's: a key that is limited to projects may not touch it.
func (c Caller) Need(r Right, whole bool) error {
	if err := c.need(r); err != nil {
		return err
	}
	if whole && c.Projects != nil {
		return fault.New(fault.Forbidden, "this concerns the whole service, and your key is limited to projects: ask an administrator for another key")
	}
	return nil
}

// need refuses a caller without the right.
func (c Caller) need(r Right) error {
	if slices.Contains(c.Rights, r) {
		return nil
	}
	return fault.Newf(fault.Forbidden, "this needs the right to %s, which your key does not have: ask an administrator for another key", r)
}

// sees tells whether a project is within the caller's scope.
func (c Caller) sees(project string) bool {
	return c.Projects == nil || slices.Contains(c.Projects, project)
}

// narrow keeps a list within the caller's scope. empty: nothing can be in it.
func (c Caller) narrow(projects []string) (within []string, empty bool) {
	if c.Projects == nil {
		return projects, false
	}
	if len(projects) == 0 {
		return c.Projects, len(c.Projects) == 0
	}
	within = slices.DeleteFunc(slices.Clone(projects), func(p string) bool { return !c.sees(p) })
	return within, len(within) == 0
}

var errHidden = errors.New("it is of a project that the key may not see")

// hidden answers for a job outside of the caller's scope as if there were none.
func hidden(id string) error {
	err := store.NoSuchJob(id)
	err.Err = errHidden
	return err
}

const longIdemKey = "at most 255 bytes"

// idempotency is what the store knows a repetition by; nil without a key.
func (c Caller) idempotency(key, hash string) (*store.Idempotency, error) {
	switch {
	case key == "":
		return nil, nil
	case len(key) > maxIdemKey:
		return nil, fault.InvalidField("Idempotency-Key", longIdemKey)
	}
	return &store.Idempotency{Key: c.idempotencyScope() + "\x00" + key, Hash: hash}, nil
}

// idempotencyScope makes Idempotency-Keys of different callers different, also those
// of two keys that had one name after each other.
func (c Caller) idempotencyScope() string {
	if c.KeyID == nil {
		return ""
	}
	return *c.KeyID
}
