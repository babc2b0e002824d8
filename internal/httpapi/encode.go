package httpapi

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/service"
)

// base is the address the client called, for absolute links.
func base(r *http.Request) string {
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	return scheme + r.Host
}

// wireJob is a job as it is answered. In lists parameters and results are left out
// unless they were asked for.
func wireJob(v *service.JobView, at string, parameters, results bool) client.Job {
	o, q := &v.Options, &v.Queue
	j := client.Job{
		ID: v.ID, PipelineName: v.Pipeline, Project: v.Project, UserID: v.UserID, SubmittedBy: v.SubmittedBy,
		Status: string(v.Status), Reason: given(string(v.Reason)), ErrorMessage: v.ErrorMessage,
		Progress: wireProgress(v.Progress),

		Attempt: v.Attempt, Tries: v.Tries, CreatedAt: client.Time{Time: v.CreatedAt}, NextTryAt: wireTime(v.NextTryAt),
		StartedAt: wireTime(v.StartedAt), CompletedAt: wireTime(v.CompletedAt), ExecutionTime: v.ExecutionTime,
		CancelRequestedAt: wireTime(v.CancelRequestedAt), Worker: given(v.Worker), Start: given(v.Start), RetryOf: v.RetryOf,
		ScheduleID: v.ScheduleID, WaitingFor: given(v.WaitingFor), Warnings: list(v.Warnings),
		WebURL: at + "/jobs/" + url.PathEscape(v.ID),

		Tags: o.Tags, NodeNames: o.NodeNames, FromNodes: o.FromNodes, ToNodes: o.ToNodes, FromInputs: o.FromInputs,
		ToOutputs: o.ToOutputs, Namespaces: o.Namespaces, PipelineNames: o.PipelineNames, LoadVersions: o.LoadVersions,
		Env: o.Env, ConfSource: o.ConfSource, Runner: o.Runner, RunnerParams: o.RunnerParams, IsAsync: o.IsAsync,
		OnlyMissingOutputs: o.OnlyMissingOutputs,

		Priority: q.Priority, RunAt: wireTime(q.RunAt), ExpiresAt: wireTime(q.ExpiresAt), TimeoutSeconds: q.Timeout.Seconds(),
		MaxAttempts: q.MaxAttempts, MaxRecoveries: q.MaxRecoveries, Labels: v.Labels, Requires: q.Requires, CallbackURL: given(v.CallbackURL),
	}
	if q.ConcurrencyKey != "" {
		j.ConcurrencyKey, j.ConcurrencyLimit = &q.ConcurrencyKey, &q.ConcurrencyLimit
	}
	if q.RetryOn != nil {
		j.RetryOn = make([]string, len(q.RetryOn))
		for i, r := range q.RetryOn {
			j.RetryOn[i] = string(r)
		}
	}
	if parameters {
		j.Parameters = orElse(v.Parameters, "{}")
	}
	if results {
		j.Results = orElse(v.Results, "null")
	}
	return j
}

func orElse(raw json.RawMessage, none string) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage(none)
	}
	return raw
}

// given is nil for "".
func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// list is never null on the wire.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

func wireTime(t *time.Time) *client.Time {
	if t == nil || t.IsZero() {
		return nil
	}
	return &client.Time{Time: *t}
}

func wireProgress(p *job.Progress) *client.Progress {
	if p == nil {
		return nil
	}
	return &client.Progress{Done: p.Done, Total: p.Total, Running: list(p.Running)}
}

func wireAttempt(a *job.Attempt) client.Attempt {
	return client.Attempt{
		Attempt: a.Number, Worker: a.Worker, Status: string(a.Status), Reason: given(string(a.Reason)), ErrorMessage: a.ErrorMessage,
		ExitCode: a.ExitCode, Signal: given(a.Signal), Start: given(a.Start), ClaimedAt: client.Time{Time: a.ClaimedAt},
		StartedAt: wireTime(a.StartedAt), CompletedAt: wireTime(a.EndedAt), ExecutionTime: a.ExecutionTime,
	}
}

func wireNode(n *job.Node) client.Node {
	return client.Node{Name: n.Name, Status: n.Status, StartedAt: wireTime(n.StartedAt), CompletedAt: wireTime(n.CompletedAt), Seconds: n.Seconds}
}

// each turns a list into another; it is never null on the wire.
func each[A, B any](from []A, wire func(*A) B) []B {
	to := make([]B, len(from))
	for i := range from {
		to[i] = wire(&from[i])
	}
	return to
}
