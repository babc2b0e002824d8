package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRetryVerb(t *testing.T) {
	job := func(id string) string {
		return asJSON(t, map[string]any{"id": id, "pipeline_name": "train", "status": "completed"})
	}
	f := newFake(t, map[string]string{
		"POST /api/v1/jobs/" + idA + "/retry": "201 " + job("new-a"), "POST /api/v1/jobs/" + idB + "/retry": "201 " + job("new-b"),
		"GET /api/v1/jobs/new-a": job("new-a"),
	})
	said := run(t.Context(), t, f.URL, []string{"retry", idA, idB})
	require.Equal(t, "new-a\nnew-b\n", said.out, said.err)
	require.Zero(t, said.code)

	said = run(t.Context(), t, f.URL, []string{"retry", idA, "--wait", "-o", "json"})
	require.Zero(t, said.code, said.err)
	require.Contains(t, said.out, `"status": "completed"`)

	said = run(t.Context(), t, f.URL, []string{"retry", idA, strings.Replace(idA, "0", "1", 1), "-o", "json"})
	require.Equal(t, exitRefused, said.code)
	require.Contains(t, said.out, `"id": "new-a"`, "what was submitted is told all the same")

	require.Equal(t, exitUsage, run(t.Context(), t, f.URL, []string{"retry", idA, idB, "--wait"}).code)
	require.Equal(t, exitUsage, run(t.Context(), t, f.URL, []string{"retry"}).code)
}
