package httpapi_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/job"
)

// TestClient: what the Go client sends and reads is what the API takes and gives.
func TestClient(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	c, err := client.New(r.url, client.Config{HTTPClient: r.http})
	require.NoError(t, err)
	at := client.Time{Time: time.Now().Add(-time.Hour)}
	sent := client.Submission{
		PipelineName: "train", Parameters: json.RawMessage(`{"rate":0.10}`), UserID: new("ann"), Project: "sales", Priority: 2,
		Options: client.Options{Tags: []string{"prepare"}, NodeNames: []string{"split"}, FromNodes: []string{"split"}, ToNodes: []string{"fit"}, Env: new("prod")},
		RunAt:   &at, TimeoutSeconds: new(1.5), MaxAttempts: new(2), RetryOn: []string{"timeout"}, MaxRecoveries: new(0),
	}
	got, err := c.Submit(ctx, sent, client.SubmitOptions{IdempotencyKey: "k"})
	require.NoError(t, err)
	again, err := c.Submit(ctx, sent, client.SubmitOptions{IdempotencyKey: "k", Wait: time.Millisecond})
	require.NoError(t, err)
	require.Equal(t, got.ID, again.ID)
	require.JSONEq(t, `{"rate":0.10}`, string(got.Parameters))
	options := client.Options{Tags: got.Tags, NodeNames: got.NodeNames, FromNodes: got.FromNodes, ToNodes: got.ToNodes, Env: got.Env}
	require.Equal(t, sent.Options, options)
	require.InDelta(t, 1.5, got.TimeoutSeconds, 0)
	require.Equal(t, []any{2, 2, 0, []string{"timeout"}}, []any{got.Priority, got.MaxAttempts, got.MaxRecoveries, got.RetryOn})

	page, err := c.Jobs(ctx, client.ListFilter{Status: []string{"pending"}, CreatedSince: &at, Q: "train", Include: []string{"parameters"}, Limit: 5})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	_, err = c.Jobs(ctx, client.ListFilter{Status: []string{"done"}})
	var refused *client.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "invalid", refused.Problem.Code)
	require.Equal(t, http.StatusUnprocessableEntity, refused.StatusCode)
	require.Equal(t, "query.status", refused.Problem.Errors[0].Field)

	r.claim()
	write(t, r.log(got.ID), "one\ntwo\n")
	r.report(got.ID, job.Completed)
	ended, err := c.Wait(ctx, got.ID)
	require.NoError(t, err)
	require.Equal(t, "completed", ended.Status)
	body, err := c.Logs(ctx, got.ID, client.LogOptions{Tail: 1})
	require.NoError(t, err)
	text, err := io.ReadAll(body)
	require.NoError(t, err)
	require.NoError(t, body.Close())
	require.Equal(t, "two\n", string(text))
	followed := ""
	for chunk, err := range c.FollowLogs(ctx, got.ID, client.FollowOptions{From: 4}) {
		require.NoError(t, err)
		followed += chunk.Text
	}
	require.Equal(t, "two\n", followed)
	last := ""
	for e, err := range c.Events(ctx, got.ID, "") {
		require.NoError(t, err)
		require.Equal(t, got.ID, e.JobID)
		last = e.ID
	}
	for range c.Events(ctx, got.ID, last) {
		require.Fail(t, "nothing follows end")
	}

	attempts, err := c.Attempts(ctx, got.ID)
	require.NoError(t, err)
	require.Len(t, attempts, 1)
	_, err = c.Nodes(ctx, got.ID)
	require.NoError(t, err)
	_, err = c.Cancel(ctx, got.ID)
	require.NoError(t, err)
	_, err = c.Projects(ctx)
	require.NoError(t, err)
	list, err := c.RefreshPipelines(ctx, "sales")
	require.NoError(t, err)
	require.Len(t, list.Items, 2)
	_, err = c.Pipeline(ctx, "train", "sales")
	require.NoError(t, err)
	_, err = c.Workers(ctx)
	require.NoError(t, err)
	health, err := c.Health(ctx)
	require.NoError(t, err)
	require.Equal(t, "1.2.3", health.Version)
}
