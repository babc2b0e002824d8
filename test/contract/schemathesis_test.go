package contract

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
)

// examplesEnv says how many examples schemathesis tries of each operation; more than
// fewExamples is for `make schemathesis`.
const (
	examplesEnv = "KEDROD_SCHEMATHESIS_EXAMPLES"
	fewExamples = 15
)

// TestSchemathesis tries what the document allows and what it does not, and holds every
// answer against it: as nobody, before the first key, and with keys of each role.
//
// The servers accept jobs and run none, so that thousands of them cost little; those that
// ran, with their logs and results, were run before.
func TestSchemathesis(t *testing.T) {
	t.Parallel()
	examples := fewExamples
	if text := os.Getenv(examplesEnv); text != "" {
		var err error
		examples, err = strconv.Atoi(text)
		require.NoError(t, err, examplesEnv)
	}
	dir := project(t)
	past := filepath.Join(t.TempDir(), "past")
	inThePast(t, dir, past)
	for _, role := range []string{"nobody", "viewer", "runner", "admin"} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			data := filepath.Join(t.TempDir(), "data")
			require.NoError(t, os.CopyFS(data, os.DirFS(past)))
			s := serve(t, dir, data, "--no-worker", "--rate-limit", "0")
			key, id := "", ""
			if role != "nobody" {
				k := s.createKey(t, role)
				key, id = k.Secret, k.ID
			}
			s.ready(t, key)
			judge(t, s, role, id, key, examples)
			require.Equal(t, http.StatusOK, s.status(t, key), "the key must still be in force, else nothing was tested")
		})
	}
}

// inThePast leaves a data folder with jobs that ended in each way.
func inThePast(t *testing.T, dir, data string) {
	t.Helper()
	s := serve(t, dir, data, "--concurrency", "1")
	s.ready(t, "")
	for _, pipeline := range []string{"sum", "fail"} {
		_, err := s.Submit(t.Context(), client.Submission{PipelineName: pipeline, Labels: map[string]string{"team": "sales"}}, client.SubmitOptions{Wait: time.Minute})
		require.NoError(t, err)
	}
	j, err := s.Submit(t.Context(), client.Submission{PipelineName: "sum", RunAt: &client.Time{Time: time.Now().Add(time.Hour)}}, client.SubmitOptions{})
	require.NoError(t, err)
	_, err = s.Cancel(t.Context(), j.ID)
	require.NoError(t, err)
	s.stop(t)
}

var testCases = regexp.MustCompile(`(\d+) generated`)

// judge runs schemathesis against the server, and tells all that it found.
func judge(t *testing.T, s *server, role, id, key string, examples int) {
	t.Helper()
	from := filepath.Join(root, "test", "contract", "schemathesis")
	args := []string{"--no-color", "--config-file", filepath.Join(from, "schemathesis.toml"), "run", s.URL + "/openapi.json",
		"--max-examples", strconv.Itoa(examples)}
	if role == "nobody" {
		args = append(args, "--exclude-operation-id", "create-key") // with the first key it would ask for keys
	}
	if key != "" {
		args = append(args, "-H", "Authorization: Bearer "+key)
	}
	run := tool(t.TempDir(), args...)
	run.name = filepath.Join(filepath.Dir(python), "st")
	run.env = append(run.env, "PYTHONPATH="+from, "PYTHONDONTWRITEBYTECODE=1", "ROLE="+role, "OWN_KEY_ID="+id)
	run.within = patience + time.Duration(examples)*20*time.Second
	out := run.must(t)
	made := testCases.FindStringSubmatch(out)
	require.NotNil(t, made, out)
	n, err := strconv.Atoi(made[1])
	require.NoError(t, err)
	require.Greater(t, n, 10*examples, "it tried too little:\n%s", out)
	t.Logf("%s: %d cases", role, n)
}
