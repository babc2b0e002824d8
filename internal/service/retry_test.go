package service

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
)

func set[T any](v T) *T { return &v }

// TestAgainKeepsEverything: a field that a submission gains must be taken over by a
// retry, or be named here.
func TestAgainKeepsEverything(t *testing.T) {
	old := job.Job{
		ID: "id", Project: "sales", Pipeline: "train", UserID: set("ann"), Parameters: json.RawMessage(`{"n":1.50}`),
		Options: job.Options{Tags: []string{"a"}, Env: set("prod")}, Labels: map[string]string{"team": "a"},
		Queue: job.Queue{
			Priority: 3, Timeout: 7 * time.Second, MaxAttempts: 2, RetryOn: []job.Reason{job.Timeout}, MaxRecoveries: 1,
			ConcurrencyKey: "db", ConcurrencyLimit: 2, Requires: map[string]string{"gpu": "a"},
		},
	}
	others := []string{"RunAt", "ExpiresAt", "Writes"} // moments of the first one, and what the registry tells anew
	q := reflect.ValueOf(old.Queue)
	for i := range q.NumField() {
		name := q.Type().Field(i).Name
		if !slices.Contains(others, name) {
			require.False(t, q.Field(i).IsZero(), "set Queue.%s here, and take it over in again", name)
		}
	}
	sub := again(&old)
	s := Service{projects: map[string]*Project{"sales": {Name: "sales"}}}
	var f faults
	require.Equal(t, old.Queue, s.queueOf(&sub, s.projects["sales"], time.Now(), &f))
	require.NoError(t, f.err())
	require.Equal(t, []any{old.Project, old.Pipeline, old.UserID, old.Parameters, old.Options, old.Labels, set("id")},
		[]any{sub.Project, sub.Pipeline, sub.UserID, sub.Parameters, sub.Options, sub.Labels, sub.retryOf})
}
