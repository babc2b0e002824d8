package e2e

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
)

// params are a job's parameters.
type params map[string]any

// submit submits a pipeline with parameters.
func (s *server) submit(t *testing.T, pipeline string, p params) *client.Job {
	t.Helper()
	return s.send(t, client.Submission{PipelineName: pipeline, Parameters: asJSON(t, p)})
}

func (s *server) send(t *testing.T, sub client.Submission) *client.Job {
	t.Helper()
	job, err := s.Submit(within(t), sub, client.SubmitOptions{})
	require.NoError(t, err)
	return job
}

// end waits for a job's end.
func (s *server) end(t *testing.T, id string) *client.Job {
	t.Helper()
	job, err := s.Wait(within(t), id)
	require.NoError(t, err)
	return job
}

// run submits, and waits for the end.
func (s *server) run(t *testing.T, pipeline string, p params) *client.Job {
	t.Helper()
	return s.end(t, s.submit(t, pipeline, p).ID)
}

// job gives a job as it is now.
func (s *server) job(t *testing.T, id string) *client.Job {
	t.Helper()
	job, err := s.Job(within(t), id, 0)
	require.NoError(t, err)
	return job
}

// attempts gives a job's attempts.
func (s *server) attempts(t *testing.T, id string) []client.Attempt {
	t.Helper()
	all, err := s.Attempts(within(t), id)
	require.NoError(t, err)
	return all
}

// log gives the whole log of a job's last attempt.
func (s *server) log(t *testing.T, id string, o client.LogOptions) string {
	t.Helper()
	body, err := s.Logs(within(t), id, o)
	require.NoError(t, err)
	defer body.Close()
	return readAll(t, body)
}

// refusal gives the problem of a call that must have been refused.
func refusal(t *testing.T, err error) *client.Error {
	t.Helper()
	var refused *client.Error
	require.ErrorAs(t, err, &refused)
	return refused
}

func asJSON(t *testing.T, v any) json.RawMessage {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return text
}

// text is a value that may be null.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// explain is a job for a failed test's message.
func explain(job *client.Job) string {
	return job.Status + " " + text(job.Reason) + ": " + text(job.ErrorMessage)
}

func resultsOf(t *testing.T, job *client.Job) results {
	t.Helper()
	var r results
	require.NoError(t, json.Unmarshal(job.Results, &r), "%s", job.Results)
	return r
}
