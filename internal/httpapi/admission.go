package httpapi

import (
	"net"
	"net/http"
	"strconv"

	"github.com/kedrod/kedrod/internal/auth"
	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/service"
)

// admission is what has to be so before an operation begins: its caller is known, not
// too fast, and has the right that the table asks for. It fails closed: nobody has the
// right of an operation without a rule.
func (a *api) admission(op *operation, c *call) error {
	if op.public {
		return nil
	}
	var err error
	if c.caller, err = a.authenticate(c); err != nil {
		return err
	}
	return c.caller.Need(op.right, op.whole)
}

func (a *api) authenticate(c *call) (service.Caller, error) {
	if a.o.Authenticate != nil {
		return a.o.Authenticate(c.r)
	}
	key, given, ok := auth.Bearer(c.r.Header.Values("Authorization"))
	caller, wait, err := a.service.Authenticate(service.Credential{Key: key, Given: given, Valid: ok})
	if wait > 0 {
		c.w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())))
	}
	return caller, err
}

// changes tells the operations that are audited when they succeed.
func (op *operation) changes() bool {
	return !op.public && !op.asks && op.method != http.MethodGet
}

// act is the call as the audit names it.
func (c *call) act(op *operation) service.Act {
	address, _, err := net.SplitHostPort(c.r.RemoteAddr)
	if err != nil {
		address = c.r.RemoteAddr
	}
	target := c.r.PathValue("id")
	if target == "" {
		target = c.r.PathValue("name")
	}
	return service.Act{Call: op.id, Target: target, Address: address, RequestID: c.w.Header().Get(requestID)}
}

// over is an error once the caller's standing has ended, as while it waited.
func (c *call) over() error {
	if c.caller.Valid == nil || c.caller.Valid.Err() == nil {
		return nil
	}
	return fault.New(fault.Unauthenticated, "the key was revoked, or has expired, during the call")
}
