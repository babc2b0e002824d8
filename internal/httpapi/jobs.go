package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
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
	return a.accept(c, sub, members)
}

// idempotencyKey is the call's; "" for none.
func idempotencyKey(c *call) (string, error) {
	keys := c.r.Header.Values("Idempotency-Key")
	if len(keys) == 0 {
		return "", nil
	}
	if len(keys) > 1 || keys[0] == "" {
		return "", fault.InvalidField("Idempotency-Key", "give one that is not empty, or none")
	}
	return keys[0], nil
}

// accept submits and answers with the job. request is what an Idempotency-Key stands
// for.
func (a *api) accept(c *call, sub service.Submission, request []member) error {
	var err error
	if sub.IdempotencyKey, err = idempotencyKey(c); err != nil {
		return err
	}
	if sub.IdempotencyKey != "" {
		sub.RequestHash = hashRequest(request)
	}
	v, existed, err := a.service.Submit(c.ctx(), c.caller, sub)
	if err != nil {
		return err
	}
	return a.accepted(c, v, existed)
}

// accepted answers with the job of a submission.
func (a *api) accepted(c *call, v service.JobView, existed bool) error {
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
		if matches(strings.Join(c.r.Header.Values("If-None-Match"), ","), tag) {
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
		Labels: q.texts("label"), Query: q.text("q"), Limit: q.integer("limit"), Cursor: q.text("cursor"),
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
