package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/service"
)

// call is one request to an operation.
type call struct {
	w      *writer
	r      *http.Request
	caller service.Caller
	query  query
	room   int64 // taken of api.bodies
}

func (c *call) ctx() context.Context { return c.r.Context() }

// id is the job's id of the path, percent-decoded.
func (c *call) id() string { return c.r.PathValue("id") }

// handle serves one operation: caller, query, the operation itself, and the problem
// that any of them returns.
func (a *api) handle(op operation) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		c := &call{w: rw.(*writer), r: r} //nolint:errcheck // around gives every handler a *writer
		defer a.leaveRoom(c)
		if err := a.serve(op, c); err != nil {
			a.refuse(c.w, c.r, err)
		}
	})
}

func (a *api) serve(op operation, c *call) (err error) {
	defer func() {
		if err != nil && !op.public {
			a.service.AuditRefusal(c.ctx(), c.caller, c.act(&op), err)
		}
	}()
	if err := a.admission(&op, c); err != nil {
		return err
	}
	if c.query, err = readQuery(c.r.URL.RawQuery, op.query); err != nil {
		return err
	}
	if !op.changes() {
		return op.serve(a, c)
	}
	ctx := a.service.BeginAudit(c.ctx(), c.caller, c.act(&op))
	c.r = c.r.WithContext(ctx)
	if err := op.serve(a, c); err != nil {
		return err
	}
	if err := a.service.EndAudit(context.WithoutCancel(ctx)); err != nil { // the answer has left
		a.log.Error("a call could not be audited", "id", c.w.Header().Get(requestID), "call", op.id, "error", err)
	}
	return nil
}

// refuse answers an error, and logs one that is ours to mend.
func (a *api) refuse(w *writer, r *http.Request, err error) {
	gone := r.Context().Err() != nil && errors.Is(err, context.Canceled)
	if code := fault.CodeOf(err); !gone && (code == fault.Internal || code == fault.Unavailable) {
		a.log.Error("request failed", "id", w.Header().Get(requestID), "method", r.Method, "path", r.URL.Path, "error", err)
	}
	if w.status != 0 { // the answer has begun: cutting it is the only way left to tell
		panic(http.ErrAbortHandler)
	}
	a.deny(w, r, err)
}

// within is the request's context, which also ends as the server stops or the caller's
// key is revoked or expires.
func (a *api) within(c *call) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(c.ctx())
	forget := context.AfterFunc(a.stopping, cancel)
	release := func() bool { return true }
	if c.caller.Valid != nil {
		release = context.AfterFunc(c.caller.Valid, cancel)
	}
	return ctx, func() {
		forget()
		release()
		cancel()
	}
}

//nolint:gochecknoglobals // a pool holds no state that anybody could see
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxPooled keeps a rare large answer from staying in memory.
const maxPooled = 256 << 10

// answer writes v as JSON.
func (c *call) answer(status int, v any) error {
	return c.encoded(v, func(b []byte) { writeBytes(c.w, status, b) })
}

// encoded gives the JSON of v to then, for the time of the call.
func (c *call) encoded(v any, then func([]byte)) error {
	buf := buffers.Get().(*bytes.Buffer) //nolint:errcheck // the pool holds nothing else
	defer func() {
		if buf.Cap() <= maxPooled {
			buffers.Put(buf)
		}
	}()
	buf.Reset()
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Type", "application/json")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	then(buf.Bytes())
	return nil
}
