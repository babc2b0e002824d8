package httpapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/kedrod/kedrod/internal/fault"
)

const (
	// bodyTime is how long a body may take to arrive.
	bodyTime = 60 * time.Second
	// passTime is how long the rest of a body is read whose call is refused.
	passTime = 10 * time.Second
	// smallBody is what a body may hold without being counted.
	smallBody = 64 << 10
	// largeBodies is how many bodies of the largest size may be in memory at once.
	largeBodies = 16
	// roomTime is how long a large body waits for room.
	roomTime = 10 * time.Second
)

// body reads the request's body, whatever media type it claims: many clients send
// JSON under the name of a form. What is in memory of all large bodies together is
// bounded, and grows with what has arrived, not with what was announced.
func (a *api) body(c *call) ([]byte, error) {
	if c.w.control.SetReadDeadline(time.Now().Add(bodyTime)) == nil {
		defer c.w.control.SetReadDeadline(time.Time{}) //nolint:errcheck // it was possible a moment ago
	}
	if kind := c.r.Header.Get("Content-Type"); strings.HasPrefix(strings.ToLower(kind), "multipart/") {
		return nil, fault.New(fault.Malformed, "send the body as JSON, with Content-Type: application/json")
	}
	if coding := c.r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return nil, fault.New(fault.Malformed, "bodies are not unpacked: send the JSON as it is, without Content-Encoding")
	}
	if c.r.ContentLength > a.o.MaxBody {
		return nil, a.tooLarge()
	}
	in := http.MaxBytesReader(c.w.ResponseWriter, c.r.Body, a.o.MaxBody)
	buf := make([]byte, 0, min(max(c.r.ContentLength+bytes.MinRead, bytes.MinRead), smallBody))
	for {
		if len(buf) == cap(buf) {
			grown := min(2*int64(cap(buf)), a.o.MaxBody+bytes.MinRead)
			if err := a.room(c, grown-int64(cap(buf))); err != nil {
				return nil, err
			}
			buf = append(make([]byte, 0, grown), buf...)
		}
		n, err := in.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		var large *http.MaxBytesError
		switch {
		case errors.Is(err, io.EOF):
			return buf, nil
		case errors.As(err, &large):
			return nil, a.tooLarge()
		case err != nil:
			c.r.Body = http.NoBody // there is no more to wait for
			return nil, fault.Wrap(err, fault.Malformed, "the body did not arrive whole")
		}
	}
}

// room takes so many bytes of what large bodies may hold together, until the call
// ends.
func (a *api) room(c *call, bytes int64) error {
	if !a.bodies.TryAcquire(bytes) {
		ctx, cancel := context.WithTimeout(c.ctx(), roomTime)
		defer cancel()
		if err := a.bodies.Acquire(ctx, bytes); err != nil {
			return fault.New(fault.Unavailable, "too many large requests arrive at once: nothing was accepted, try again")
		}
	}
	c.room += bytes
	return nil
}

// leaveRoom gives back what the call took.
func (a *api) leaveRoom(c *call) {
	if c.room > 0 {
		a.bodies.Release(c.room)
	}
}

// pass reads some of a body that is refused unread, as many clients look for an answer
// only once they have sent everything, and find a broken connection when nobody reads;
// one that asks first (Expect) is told at once.
func (a *api) pass(w *writer, r *http.Request) {
	if r.ContentLength == 0 || r.Header.Get("Expect") != "" {
		return
	}
	if w.control.SetReadDeadline(time.Now().Add(passTime)) == nil {
		defer w.control.SetReadDeadline(time.Time{}) //nolint:errcheck // it was possible a moment ago
	}
	_, _ = io.CopyN(io.Discard, r.Body, 4*a.o.MaxBody) // how it ends changes nothing
}

func (a *api) tooLarge() error {
	return fault.Newf(fault.TooLarge, "the body is larger than %d bytes: put large data into a dataset and pass its name", a.o.MaxBody)
}

// noBody refuses fields for an operation that takes none; an empty object will do.
func (a *api) noBody(c *call) error {
	if c.r.ContentLength == 0 {
		return nil
	}
	body, err := a.body(c)
	if err != nil || len(bytes.TrimSpace(body)) == 0 {
		return err
	}
	members, err := readObject(body)
	if err != nil || a.o.IgnoreUnknownFields {
		return err
	}
	var f refusals
	for _, m := range members {
		if !m.null() {
			f.unknown("", m.name, nil)
		}
	}
	return f.err()
}
