package client

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// MaxWait is the longest that one call waits for a job's end.
const MaxWait = 60 * time.Second

// patience is how long Wait and the streams go on calling a service that does not
// answer, as while it is started anew.
const patience = 30 * time.Second

// SubmitOptions say how a submission is sent.
type SubmitOptions struct {
	// Wait asks for the answer at the job's end, or after this long (at most MaxWait)
	// as the job then is.
	Wait time.Duration
	// IdempotencyKey makes a submission that is sent again give the first job. ""
	// takes a random one, which guards the client's own repetitions.
	IdempotencyKey string
}

// Submit asks for a run. It gives the job as accepted, or with Wait as it then is.
func (c *Client) Submit(ctx context.Context, s Submission, o SubmitOptions) (*Job, error) {
	body, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("the submission is no JSON: %w", err)
	}
	key := o.IdempotencyKey
	if key == "" {
		key = rand.Text()
	}
	k := call{method: http.MethodPost, path: api("jobs"), query: waitQuery(o.Wait), body: body,
		header: http.Header{"Idempotency-Key": {key}}}
	job := new(Job)
	err = c.get(ctx, k, job)
	if unreachable(err) && isCut(err) {
		err = c.get(ctx, k, job)
	}
	if err != nil {
		return nil, err
	}
	return job, nil
}

// Job gives one job; with wait above 0 at its end, or after wait (at most MaxWait) as
// it then is.
func (c *Client) Job(ctx context.Context, id string, wait time.Duration) (*Job, error) {
	job := new(Job)
	k := call{method: http.MethodGet, path: api("jobs", id), query: waitQuery(wait)}
	if err := c.get(ctx, k, job); err != nil {
		return nil, err
	}
	return job, nil
}

// Wait gives the job once it has ended, however long that takes; the context bounds
// it. It outlasts a service that is started anew.
func (c *Client) Wait(ctx context.Context, id string) (*Job, error) {
	var silent silence
	for {
		begun := time.Now()
		job, err := c.Job(ctx, id, MaxWait/2)
		if err != nil {
			if err := silent.endure(ctx, err); err != nil {
				return nil, err
			}
			continue
		}
		if job.Ended() {
			return job, nil
		}
		silent.heard()
		if time.Since(begun) < time.Second { // the answer did not wait, as while the service stops
			if err := pause(ctx, 2*retryPause); err != nil {
				return nil, fmt.Errorf("waiting for the job's end: %w", err)
			}
		}
	}
}

// WaitAttempt gives the job once it has that attempt (0: any), or has ended. It
// outlasts a service that is started anew.
func (c *Client) WaitAttempt(ctx context.Context, id string, attempt int) (*Job, error) {
	var silent silence
	between := 20 * time.Millisecond
	for {
		job, err := c.Job(ctx, id, 0)
		if err != nil {
			if err := silent.endure(ctx, err); err != nil {
				return nil, err
			}
			continue
		}
		silent.heard()
		if job.Ended() || job.Attempt >= max(attempt, 1) {
			return job, nil
		}
		if err := pause(ctx, between); err != nil {
			return nil, fmt.Errorf("waiting for the run to begin: %w", err)
		}
		between = min(2*between, time.Second)
	}
}

// ListFilter says which jobs are wanted. A job must fit every field that is set, and
// one of the values where a field has several.
type ListFilter struct {
	ID           string // beginning or end of an id
	Status       []string
	Pipeline     []string
	UserID       []string
	SubmittedBy  []string
	Project      []string
	Label        []string // "key:value"
	ScheduleID   []string
	CreatedSince *Time
	CreatedUntil *Time
	Q            string   // words to search for
	Include      []string // "parameters", "results": left out of lists otherwise
	Limit        int      // of a page; 0: the service's own (50), at most 500
	Cursor       string   // of the page before
}

func (f ListFilter) query() url.Values {
	q := url.Values{}
	one := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	many := func(name string, values []string) {
		if len(values) > 0 {
			q[name] = values
		}
	}
	moment := func(name string, t *Time) {
		if t != nil {
			q.Set(name, t.UTC().Format(timeLayout))
		}
	}
	one("id", f.ID)
	many("status", f.Status)
	many("pipeline_name", f.Pipeline)
	many("user_id", f.UserID)
	many("submitted_by", f.SubmittedBy)
	many("project", f.Project)
	many("label", f.Label)
	many("schedule_id", f.ScheduleID)
	moment("created_since", f.CreatedSince)
	moment("created_until", f.CreatedUntil)
	one("q", f.Q)
	many("include", f.Include)
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	one("cursor", f.Cursor)
	return q
}

// Jobs gives one page of jobs, newest first.
func (c *Client) Jobs(ctx context.Context, f ListFilter) (Page[Job], error) {
	var page Page[Job]
	err := c.get(ctx, call{method: http.MethodGet, path: api("jobs"), query: f.query()}, &page)
	return page, err
}

// AllJobs goes through every job that fits, newest first, page after page. An error
// is the last thing it gives.
func (c *Client) AllJobs(ctx context.Context, f ListFilter) iter.Seq2[Job, error] {
	return func(yield func(Job, error) bool) {
		for {
			page, err := c.Jobs(ctx, f)
			if err != nil {
				yield(Job{}, err)
				return
			}
			for _, job := range page.Items {
				if !yield(job, nil) {
					return
				}
			}
			if page.NextCursor == nil || *page.NextCursor == "" {
				return
			}
			f.Cursor = *page.NextCursor
		}
	}
}

// Cancel asks for a job's end and gives the job as it is: one that runs becomes
// cancelled once its last process is gone. It may be called again, in any state.
func (c *Client) Cancel(ctx context.Context, id string) (*Job, error) {
	job := new(Job)
	if err := c.get(ctx, call{method: http.MethodPost, path: api("jobs", id, "cancel")}, job); err != nil {
		return nil, err
	}
	return job, nil
}

// Attempts gives the attempts of a job, in their order.
func (c *Client) Attempts(ctx context.Context, id string) ([]Attempt, error) {
	return items[Attempt](ctx, c, api("jobs", id, "attempts"), nil)
}

// Nodes gives the nodes of a job's last attempt, in topological order.
func (c *Client) Nodes(ctx context.Context, id string) ([]Node, error) {
	return items[Node](ctx, c, api("jobs", id, "nodes"), nil)
}

func waitQuery(wait time.Duration) url.Values {
	if wait <= 0 {
		return nil
	}
	seconds := min(wait, MaxWait).Seconds()
	return url.Values{"wait": {strconv.FormatFloat(seconds, 'f', -1, 64)}}
}
