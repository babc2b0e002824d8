package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/service"
	"github.com/kedrod/kedrod/internal/store"
)

func (a *api) submit(c *call) error {
	body, err := a.body(c)
	if err != nil {
		return err
	}
	members, err := readObject(body)
	if err != nil {
		return err
	}
	sub, err := readSubmission(members, a.o.IgnoreUnknownFields)
	if err != nil {
		return err
	}
	if keys := c.r.Header.Values("Idempotency-Key"); len(keys) > 0 {
		if len(keys) > 1 || keys[0] == "" {
			return fault.InvalidField("Idempotency-Key", "give one that is not empty, or none")
		}
		sub.IdempotencyKey, sub.RequestHash = keys[0], hashRequest(members)
	}
	v, existed, err := a.service.Submit(c.ctx(), c.caller, sub)
	if err != nil {
		return err
	}
	if wait := c.query.seconds("wait"); wait > 0 && !v.Status.Terminal() {
		ctx, cancel := a.within(c)
		defer cancel()
		// The job is accepted whatever the wait comes to.
		if later, err := a.service.Wait(ctx, c.caller, v.ID, wait); err == nil {
			v = later
		}
	}
	status := http.StatusCreated
	if existed {
		status = http.StatusOK
	}
	c.w.Header().Set("Location", "/api/v1/jobs/"+url.PathEscape(v.ID))
	return c.answer(status, wireJob(&v, base(c.r), true, true))
}

// bodyTime is how long a body may take to arrive.
const bodyTime = 60 * time.Second

// body reads the request's body, whatever media type it claims: many clients send
// JSON under the name of a form.
func (a *api) body(c *call) ([]byte, error) {
	if kind := c.r.Header.Get("Content-Type"); strings.HasPrefix(strings.ToLower(kind), "multipart/") {
		return nil, fault.New(fault.Malformed, "send the body as JSON, with Content-Type: application/json")
	}
	if c.w.control.SetReadDeadline(time.Now().Add(bodyTime)) == nil {
		defer c.w.control.SetReadDeadline(time.Time{}) //nolint:errcheck // it was possible a moment ago
	}
	if c.r.ContentLength > a.o.MaxBody {
		return nil, a.tooLarge(c)
	}
	var buf bytes.Buffer
	buf.Grow(int(max(c.r.ContentLength, 0)) + bytes.MinRead)
	if _, err := buf.ReadFrom(http.MaxBytesReader(c.w.ResponseWriter, c.r.Body, a.o.MaxBody)); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, a.tooLarge(c)
		}
		return nil, fault.Wrap(err, fault.Malformed, "the body did not arrive whole")
	}
	return buf.Bytes(), nil
}

// tooLarge reads some more, as many clients look for an answer only once they have
// sent everything; one that asks first (Expect) is told at once.
func (a *api) tooLarge(c *call) error {
	if c.r.Header.Get("Expect") == "" {
		_, _ = io.CopyN(io.Discard, c.r.Body, 4*a.o.MaxBody) // how it ends changes nothing
	}
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

func (a *api) job(c *call) error {
	var v service.JobView
	var err error
	if wait := c.query.seconds("wait"); wait > 0 && c.r.Method != http.MethodHead {
		v, err = a.wait(c, wait)
	} else {
		v, err = a.service.Job(c.ctx(), c.caller, c.id())
	}
	if err != nil {
		return err
	}
	c.w.Header().Set("Cache-Control", "private, no-cache")
	return c.encoded(wireJob(&v, base(c.r), true, true), func(b []byte) {
		sum := sha256.Sum256(b)
		tag := `"` + hex.EncodeToString(sum[:12]) + `"`
		c.w.Header().Set("ETag", tag)
		if matches(c.r.Header.Get("If-None-Match"), tag) {
			c.w.Header().Del("Content-Type")
			c.w.WriteHeader(http.StatusNotModified)
			return
		}
		writeBytes(c.w, http.StatusOK, b)
	})
}

// wait answers the job as it is when the server stops meanwhile.
func (a *api) wait(c *call, d time.Duration) (service.JobView, error) {
	ctx, cancel := a.within(c)
	defer cancel()
	v, err := a.service.Wait(ctx, c.caller, c.id(), d)
	if over := c.over(); over != nil {
		return v, over
	}
	if err != nil && ctx.Err() != nil && c.ctx().Err() == nil {
		return a.service.Job(c.ctx(), c.caller, c.id())
	}
	return v, err
}

// matches reports whether an If-None-Match header names the tag.
func matches(header, tag string) bool {
	if header == "" {
		return false
	}
	for part := range strings.SplitSeq(header, ",") {
		part = strings.TrimPrefix(strings.TrimSpace(part), "W/")
		if part == tag || part == "*" {
			return true
		}
	}
	return false
}

func (a *api) jobs(c *call) error {
	q := c.query
	f := store.Filter{
		IDs: q.texts("id"), Pipelines: q.texts("pipeline_name"), Projects: q.texts("project"), UserIDs: q.texts("user_id"),
		SubmittedBy: q.texts("submitted_by"), CreatedSince: q.moment("created_since"), CreatedUntil: q.moment("created_until"),
		Query: q.text("q"), Limit: q.integer("limit"), Cursor: q.text("cursor"),
	}
	for _, st := range q.texts("status") {
		f.Statuses = append(f.Statuses, job.Status(st))
	}
	for _, include := range q.texts("include") {
		f.Parameters = f.Parameters || include == "parameters"
		f.Results = f.Results || include == "results"
	}
	views, next, err := a.service.Jobs(c.ctx(), c.caller, f)
	if err != nil {
		return queryFault(err)
	}
	at := base(c.r)
	return c.answer(http.StatusOK, client.Page[client.Job]{
		Items:      each(views, func(v *service.JobView) client.Job { return wireJob(v, at, f.Parameters, f.Results) }),
		NextCursor: given(next),
	})
}

// queryFault says of a use case's faults that their fields stood in the query.
func queryFault(err error) error {
	var f *fault.Error
	if !errors.As(err, &f) || statusOf(f.Code) != http.StatusUnprocessableEntity {
		return err
	}
	var all refusals
	for _, field := range f.Fields {
		all.add(f.Code, "query."+field.Field, field.Message)
	}
	if len(all.fields) == 0 {
		return err
	}
	return all.err()
}

func (a *api) cancel(c *call) error {
	if err := a.noBody(c); err != nil {
		return err
	}
	v, err := a.service.Cancel(c.ctx(), c.caller, c.id())
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, wireJob(&v, base(c.r), true, true))
}

func (a *api) attempts(c *call) error {
	list, err := a.service.Attempts(c.ctx(), c.caller, c.id())
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, client.Page[client.Attempt]{Items: each(list, wireAttempt)})
}

func (a *api) nodes(c *call) error {
	list, err := a.service.Nodes(c.ctx(), c.caller, c.id(), c.query.integer("attempt"))
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, client.Page[client.Node]{Items: each(list, wireNode)})
}
