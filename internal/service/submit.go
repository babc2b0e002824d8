package service

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/kedro"
	"github.com/kedrod/kedrod/internal/store"
)

// Submission is what a caller asks for. Pointers are nil where nothing was said.
type Submission struct {
	Project    string // "" where only one is served
	Pipeline   string
	UserID     *string
	Parameters json.RawMessage // an object; empty: none
	Options    job.Options

	Priority      int
	RunAt         *time.Time
	Delay         *time.Duration // in place of RunAt
	ExpiresAt     *time.Time
	Timeout       *time.Duration
	MaxAttempts   *int
	RetryOn       []job.Reason
	MaxRecoveries *int
	Labels        map[string]string
	CallbackURL   *string // is sent the job at its end

	ConcurrencyKey   *string
	ConcurrencyLimit *int // with ConcurrencyKey
	Requires         map[string]string

	IdempotencyKey string // "" for none
	RequestHash    string // of the request as a JSON value; with a key

	retryOf *string // set by Again
}

// Bounds of free text in a submission, in bytes.
const (
	maxName       = 500
	maxIdemKey    = 255
	maxParameters = 4 << 20
)

// Submit accepts a job. It is on disk when Submit returns. existed is true when the
// idempotency key is known: then the first job is answered.
func (s *Service) Submit(ctx context.Context, c Caller, sub Submission) (v JobView, existed bool, err error) {
	if err := c.need(Run); err != nil {
		return v, false, err
	}
	var idem *store.Idempotency
	if len(sub.IdempotencyKey) <= maxIdemKey { // a longer one is refused with the rest
		idem, _ = c.idempotency(sub.IdempotencyKey, sub.RequestHash)
	}
	if idem != nil {
		// Before it is judged: what was fine then need not be now, and is the same job.
		if first, err := s.o.Store.Repeated(ctx, *idem); err != nil || first != nil {
			if err != nil {
				return v, false, err
			}
			store.AuditOf(ctx).Target(first.ID)
			return s.view(ctx, *first), true, nil
		}
	}
	j, err := s.jobOf(c, &sub)
	if err != nil {
		return v, false, err
	}
	stored, existed, err := s.o.Store.Submit(ctx, j, idem)
	if err != nil {
		return v, false, err
	}
	if !existed {
		s.o.Log.Info("job accepted", "job", stored.ID, "attempt", stored.Attempt, "pipeline", stored.Pipeline, "project", stored.Project)
	}
	return s.view(ctx, stored), existed, nil
}

// jobOf judges a submission and makes the job of it. All that is wrong is told at
// once.
func (s *Service) jobOf(c Caller, sub *Submission) (job.Job, error) {
	var f faults
	now := job.Truncate(s.o.Now())
	project := s.resolveProject(c, sub.Project, &f)
	queue := s.queueOf(sub, project, now, &f)
	f.text("user_id", sub.UserID, maxName)
	if len(sub.Parameters) > maxParameters {
		f.add("parameters", "larger than 4 MiB: put large data into a dataset and pass its name")
	}
	if n := len(sub.IdempotencyKey); n > maxIdemKey {
		f.add("Idempotency-Key", longIdemKey)
	}
	labelsOf("labels", sub.Labels, &f)
	s.callbackOf(sub, &f)
	if sub.Pipeline == "" {
		f.add("pipeline_name", "is needed: the name of a pipeline, or __default__")
	} else if len(sub.Pipeline) > maxName || strings.ContainsRune(sub.Pipeline, 0) {
		f.add("pipeline_name", "at most 500 bytes, without NUL")
	}
	id, err := s.ids.next()
	if err != nil {
		return job.Job{}, err
	}
	j := job.Job{
		ID: id, Pipeline: sub.Pipeline, UserID: sub.UserID, SubmittedBy: c.Name, Parameters: sub.Parameters,
		Options: sub.Options, Queue: queue, Labels: orNil(sub.Labels), Status: job.Pending, CreatedAt: now, RetryOf: sub.retryOf,
	}
	if sub.CallbackURL != nil {
		j.CallbackURL = *sub.CallbackURL
	}
	if project != nil {
		j.Project = project.Name
	}
	if err := f.err(); err != nil || project == nil {
		return j, err
	}
	if err := s.checkRun(project, &j); err != nil {
		return j, err
	}
	j.Queue.Writes = project.writesOf(&j)
	j.Warnings = j.Queue.Writes.Warnings()
	return j, nil
}

// resolveProject finds the project that is meant: the only one that the caller sees,
// unless it is named.
func (s *Service) resolveProject(c Caller, name string, f *faults) *Project {
	seen := s.projectNames(c)
	if name == "" && len(seen) == 1 {
		name = seen[0]
	}
	switch {
	case slices.Contains(seen, name):
		return s.projects[name]
	case len(seen) == 0:
		f.code = fault.UnknownProject
		f.add("project", "none is served here that your key may use: ask an administrator for another key")
	case name == "":
		f.code, f.message = fault.Invalid, ""
		f.add("project", "is needed, as several are served: "+strings.Join(seen, ", "))
	default:
		f.code = fault.UnknownProject
		f.add("project", "no such project is served here; there is: "+strings.Join(seen, ", "))
	}
	return nil
}

func (s *Service) queueOf(sub *Submission, p *Project, now time.Time, f *faults) job.Queue {
	q := job.Queue{
		Priority: sub.Priority, RunAt: sub.RunAt, ExpiresAt: sub.ExpiresAt, Timeout: job.DefaultTimeout,
		MaxAttempts: job.DefaultMaxAttempts, RetryOn: sub.RetryOn, MaxRecoveries: job.DefaultMaxRecoveries,
	}
	if p != nil && p.Timeout > 0 {
		q.Timeout = p.Timeout
	}
	if p != nil && p.Pipelines[sub.Pipeline].Timeout > 0 {
		q.Timeout = p.Pipelines[sub.Pipeline].Timeout
	}
	if sub.Delay != nil {
		if sub.RunAt != nil {
			f.add("delay_seconds", "give either delay_seconds or run_at")
		}
		if *sub.Delay < 0 || *sub.Delay > job.MaxAhead {
			f.add("delay_seconds", "between 0 and ten years of seconds")
		} else if *sub.Delay > 0 {
			at := job.Truncate(now.Add(*sub.Delay))
			q.RunAt = &at
		}
	}
	placeOf(&q, now, f)
	if sub.Timeout != nil {
		q.Timeout = sub.Timeout.Round(time.Millisecond)
		if q.Timeout < time.Millisecond || q.Timeout > job.MaxTimeout {
			f.add("timeout_seconds", "more than 0 and at most 366 days (31622400)")
		}
	}
	if sub.MaxAttempts != nil {
		if q.MaxAttempts = *sub.MaxAttempts; q.MaxAttempts < 1 || q.MaxAttempts > job.MaxMaxAttempts {
			f.add("max_attempts", fmt.Sprintf("between 1 and %d", job.MaxMaxAttempts))
		}
	}
	if sub.MaxRecoveries != nil {
		if q.MaxRecoveries = *sub.MaxRecoveries; q.MaxRecoveries < 0 || q.MaxRecoveries > job.MaxMaxRecoveries {
			f.add("max_recoveries", fmt.Sprintf("between 0 and %d", job.MaxMaxRecoveries))
		}
	}
	scopeOf(sub, &q, f)
	for i, r := range sub.RetryOn {
		if !r.Retryable() {
			f.add(fmt.Sprintf("retry_on[%d]", i), "one of "+retryable())
		}
	}
	return q
}

func retryable() string {
	var words []string
	for _, r := range job.Reasons() {
		if r.Retryable() {
			words = append(words, string(r))
		}
	}
	return strings.Join(words, ", ")
}

// checkRun refuses what can be known to fail before the run: by the registry, if it
// is of the sources as they are, and by what this Kedro's options allow.
func (s *Service) checkRun(p *Project, j *job.Job) error {
	if _, err := kedro.RunConfig(kedro.OptionsOf(j), p.version()); err != nil {
		return err
	}
	if _, refuse := p.Catalog.Refuses(j.Pipeline); refuse {
		registry, _ := p.Catalog.Snapshot()
		message := "no such pipeline in the project's registry" + nearest(j.Pipeline, registry.Names())
		return fault.New(fault.UnknownPipeline, "pipeline_name: "+message, fault.Field{Field: "pipeline_name", Message: message})
	}
	registry, _ := p.Catalog.Snapshot()
	if pipeline, ok := registry.Pipeline(j.Pipeline); ok && p.Catalog.Current() && !p.Dynamic {
		if err := checkNames(&pipeline, j); err != nil {
			return err
		}
		if len(pipeline.Nodes) > 0 && len(pipeline.Select(j.Options)) == 0 {
			return fault.InvalidField("pipeline_name", "no node is left of the pipeline once tags, node_names, namespaces, from_nodes, to_nodes, from_inputs and to_outputs are all applied")
		}
	}
	return nil
}

func (p *Project) version() kedro.Version {
	r, _ := p.Catalog.Snapshot()
	return r.Version()
}

func checkNames(pipeline *kedro.Pipeline, j *job.Job) error {
	var f faults
	nodes, tags := map[string]bool{}, map[string]bool{}
	for _, n := range pipeline.Nodes {
		nodes[n.Name] = true
		for _, t := range n.Tags {
			tags[t] = true
		}
	}
	check := func(field, what string, given []string, have map[string]bool) {
		for i, name := range given {
			if !have[name] && !f.full() { // looking for names costs
				f.add(fmt.Sprintf("%s[%d]", field, i), fmt.Sprintf("the pipeline has no %s of this name%s", what, nearest(name, keys(have))))
			}
		}
	}
	check("node_names", "node", j.Options.NodeNames, nodes)
	check("from_nodes", "node", j.Options.FromNodes, nodes)
	check("to_nodes", "node", j.Options.ToNodes, nodes)
	if len(tags) > 0 || len(j.Options.Tags) == 0 {
		check("tags", "tag", j.Options.Tags, tags)
	} else {
		f.add("tags", "no node of the pipeline has tags: leave them out")
	}
	return f.err()
}
