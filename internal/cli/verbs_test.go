package cli

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/fault"
)

// The words of each verb, on a terminal of 100 columns without colour and in a pipe.
func TestWords(t *testing.T) {
	failed := aJob("failed", func(j *client.Job) {
		j.Results = []byte(`{"outputs":[{"dataset":"model","path":"data/06_models/model.pkl","bytes":1400},{"dataset":"scores"}]}`)
		j.Warnings = []string{"the hook is disabled"}
		j.Tags, j.Env = []string{"a", "b c"}, ptr("prod")
	})
	running := aJob("running", func(j *client.Job) {
		j.ID, j.Progress = idB, &client.Progress{Done: 3, Total: 7, Running: []string{"train_model"}}
	})
	waiting := aJob("pending", func(j *client.Job) {
		j.WaitingFor, j.RunAt = ptr("its time has not come"), ptr(at(-5*time.Minute))
	})
	called := aJob("completed", func(j *client.Job) { j.CallbackURL = ptr("https://hooks.example/a?b=c") })
	job, nodes := "GET /api/v1/jobs/"+idA, "GET /api/v1/jobs/"+idA+"/nodes"
	list := "GET /api/v1/jobs"
	tests := []struct {
		name    string
		args    string
		answers map[string]string
	}{
		{"ps", "ps", map[string]string{list: page(t, running, failed, aJob("completed"), aJob("cancelled"), waiting)}},
		{"ps-projects", "ps", map[string]string{list: page(t, aJob("completed"), aJob("running", func(j *client.Job) { j.Project = "other"; j.CancelRequestedAt = ptr(at(0)) }))}},
		{"ps-none", "ps --status failed", map[string]string{list: page(t)}},
		{"ps-more", "ps -n 1", map[string]string{list: asJSON(t, client.Page[client.Job]{Items: []client.Job{aJob("completed")}, NextCursor: ptr("c")})}},
		{"show-failed", "show ab12cd", map[string]string{list: page(t, failed), job: asJSON(t, failed), nodes: asJSON(t, client.Page[client.Node]{Items: []client.Node{
			{Name: "split", Status: "completed", Seconds: ptr(0.31)}, {Name: "train", Status: "failed", Seconds: ptr(222.0)}, {Name: "report", Status: "skipped"}}})}},
		{"show-pending", "show " + idA, map[string]string{job: asJSON(t, waiting), nodes: `{"items":[]}`}},
		{"show-callback", "show " + idA, map[string]string{job: asJSON(t, called), nodes: `{"items":[]}`, job + "/deliveries": asJSON(t, client.Page[client.Delivery]{Items: []client.Delivery{
			{Status: "pending", Attempts: 2, NextAttemptAt: ptr(at(-time.Minute)), Error: ptr("answered 503")}, {Status: "delivered", Attempts: 1, CompletedAt: ptr(at(0))},
			{Status: "failed", Attempts: 27, CompletedAt: ptr(at(0)), Error: ptr("given up after a day: the connection was refused")}, {Status: "pending"}}})}},
		{"show-unknown", "show zzzzzz", map[string]string{list: page(t)}},
		{"show-ambiguous", "show 019ab2", map[string]string{list: page(t, failed, running)}},
		{"show-short", "show 19ab2", nil},
		{"cancel", "cancel " + idA + " " + idB, map[string]string{"POST /api/v1/jobs/" + idA + "/cancel": asJSON(t, aJob("cancelled")), "POST /api/v1/jobs/" + idB + "/cancel": asJSON(t, running)}},
		{"cancel-ended", "cancel " + idA, map[string]string{"POST /api/v1/jobs/" + idA + "/cancel": asJSON(t, failed)}},
		{"pipelines", "pipelines", map[string]string{"GET /api/v1/pipelines": asJSON(t, client.PipelineList{Items: []client.PipelineSummary{
			{Name: "__default__", Project: "sales", Nodes: 1200, Inputs: []string{"raw", "params:n", "parameters"}, Outputs: []string{"model", "scores"}}, {Name: "train", Project: "sales", Nodes: 3}}})}},
		{"pipelines-broken", "pipelines", map[string]string{"GET /api/v1/pipelines": asJSON(t, client.PipelineList{Projects: []client.RegistryState{
			{Project: "sales", Known: true, Error: &client.LoadError{Type: "ImportError", Message: "No module named 'x'"}}, {Project: "new"}}})}},
		{"pipeline", "pipelines train", map[string]string{"GET /api/v1/pipelines/train": asJSON(t, client.Pipeline{
			PipelineSummary: client.PipelineSummary{Name: "train", Project: "sales"}, LoadedAt: ptr(at(2 * time.Hour)),
			NodeList:   []client.PipelineNode{{Name: "split", Inputs: []string{"raw", "params:n"}, Outputs: []string{"a", "b"}}},
			Parameters: []client.PipelineParameter{{Name: "n", Default: []byte("0.20")}}})}},
		{"projects", "projects", map[string]string{"GET /api/v1/projects": asJSON(t, client.Page[client.Project]{Items: []client.Project{
			{Name: "sales", Path: "/srv/sales", KedroVersion: ptr("1.7.0"), PythonVersion: ptr("3.11.2"), Pipelines: 4,
				Findings: []client.Finding{{Level: "warning", Message: "telemetry is on.", Advice: "Set DO_NOT_TRACK=1."}}}}})}},
		{"workers", "workers", map[string]string{"GET /api/v1/workers": asJSON(t, client.Page[client.Worker]{Items: []client.Worker{
			{ID: idA, Host: "host", PID: 42, Status: "ready", Slots: 4, Running: []string{idB}, StartedAt: at(26 * time.Hour)}}})}},
		{"workers-drain", "workers drain " + idA[30:] + " " + idB, map[string]string{
			"GET /api/v1/workers":                    asJSON(t, client.Page[client.Worker]{Items: []client.Worker{{ID: idA}, {ID: idB}}}),
			"POST /api/v1/workers/" + idA + "/drain": asJSON(t, client.Worker{ID: idA, Status: "draining", Running: []string{idB}}),
			"POST /api/v1/workers/" + idB + "/drain": asJSON(t, client.Worker{ID: idB, Status: "stopped"})}},
		{"workers-drain-unknown", "workers drain absent", map[string]string{"GET /api/v1/workers": asJSON(t, client.Page[client.Worker]{Items: []client.Worker{{ID: idA}}})}},
		{"workers-none", "workers", map[string]string{"GET /api/v1/workers": `{"items":[]}`}},
		{"logs as objects", "logs " + idA + " --format jsonl", map[string]string{"GET /api/v1/jobs/" + idA + "/logs": "{}\n"}},
		{"logs", "logs " + idA + " --tail 2", map[string]string{"GET /api/v1/jobs/" + idA + "/logs": "one\ntwo\n"}},
		{"refused", "submit train", map[string]string{"POST /api/v1/jobs": `422 {"status":422,"code":"unknown_pipeline","detail":"the project sales has no pipeline train; the nearest: trail"}`}},
		{"unauthorized", "ps", map[string]string{list: `401 {"status":401,"code":"unauthenticated","detail":"this service asks for a key"}`}},
		{"submit", "submit train", map[string]string{"POST /api/v1/jobs": "201 " + asJSON(t, aJob("pending", func(j *client.Job) { j.Warnings = []string{"a parameter is not used"} }))}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFake(t, test.answers)
			args := strings.Fields(test.args)
			said := "$ kedrod " + test.args + "\n" + run(t.Context(), t, f.URL, args).String()
			said += "\n== on a terminal of 60 columns\n" + run(t.Context(), t, f.URL, args, onTerminal(60), environ("NO_COLOR=1")).String()
			golden(t, test.name, said)
		})
	}
}

func TestColourOnlyOnATerminal(t *testing.T) {
	f := newFake(t, map[string]string{"GET /api/v1/jobs": page(t, aJob("failed"))})
	args := []string{"ps"}
	require.NotContains(t, run(t.Context(), t, f.URL, args).out, "\x1b")
	require.Contains(t, run(t.Context(), t, f.URL, args, onTerminal(100)).out, "\x1b[31mfailed\x1b[0m")
	require.NotContains(t, run(t.Context(), t, f.URL, args, onTerminal(100), environ("NO_COLOR=yes")).out, "\x1b")
	require.NotContains(t, run(t.Context(), t, f.URL, args, onTerminal(100), environ("TERM=dumb")).out, "\x1b")
}

// What a run wrote into an error must not reach the terminal as a command.
func TestTextFromElsewhereIsHarmless(t *testing.T) {
	evil := aJob("failed", func(j *client.Job) {
		j.PipelineName, j.ErrorMessage, j.UserID = "a\x1b[2J\nb", ptr("x\x1b]0;title\x07\r\x9b1m"), ptr("\x1b[31m")
	})
	f := newFake(t, map[string]string{"GET /api/v1/jobs": page(t, evil), "GET /api/v1/jobs/" + idA: asJSON(t, evil), "GET /api/v1/jobs/" + idA + "/nodes": `{"items":[]}`})
	for _, args := range [][]string{{"ps"}, {"show", idA}} {
		said := run(t.Context(), t, f.URL, args)
		require.NotContains(t, said.out, "\x1b")
		require.NotContains(t, said.out, "\x07")
		require.NotContains(t, said.out, "\u009b")
	}
}

func TestJSONIsWhatTheServiceSays(t *testing.T) {
	f := newFake(t, map[string]string{"GET /api/v1/jobs": page(t, aJob("failed")), "GET /api/v1/jobs/" + idA: asJSON(t, aJob("failed"))})
	require.JSONEq(t, page(t, aJob("failed")), run(t.Context(), t, f.URL, []string{"ps", "-o", "json"}).out)
	shown := run(t.Context(), t, f.URL, []string{"show", idA, "-o", "json"}, onTerminal(80))
	require.JSONEq(t, asJSON(t, aJob("failed")), shown.out)
	require.Contains(t, shown.out, `"n": 1.0`, "numbers stay as they are")
}

func TestFiltersOfPs(t *testing.T) {
	f := newFake(t, map[string]string{"GET /api/v1/jobs": page(t)})
	said := run(t.Context(), t, f.URL, []string{"ps", "--status", "failed,running", "--pipeline", "p", "--project", "a", "--user-id", "u", "--label", "team=x",
		"--since", "24h", "--until", "2026-11-25", "-q", "words", "-n", "5", "--cursor", "c"})
	require.Equal(t, 0, said.code, said.err)
	require.Equal(t, "GET /api/v1/jobs?created_since=2026-11-24T03%3A00%3A00.000000%2B00%3A00&created_until=2026-11-25T00%3A00%3A00.000000%2B00%3A00"+
		"&cursor=c&label=team%3Ax&limit=5&pipeline_name=p&project=a&q=words&status=failed&status=running&user_id=u", f.requests[0])
	run(t.Context(), t, f.URL, []string{"ps"})
	require.Equal(t, "GET /api/v1/jobs?limit=20", f.requests[1])
}

func TestUsage(t *testing.T) {
	for _, args := range []string{"serv", "ps x", "ps --statsu x", "ps -n 0", "ps --since soon", "-o yaml ps", "show", "show a b", "cancel", "submit", "submit a b",
		"submit a --pipeline-names b", "submit p --run-at x", "submit p --run-at 2026-11-25T06:00:00Z --delay 5s", "submit p --delay x", "submit p --timeout 5x",
		"submit p -p x", "submit p -p =1", "submit p -s x", "submit p --labels x", "submit p --params absent.json", "submit p --runner-params 5", "submit p --dry-run --wait",
		"submit p --wait-timeout 0", "submit p -p a=1 -p a.b=2", "submit p -p a..b=2", "submit p --priority x", "logs " + idA + " --attempt 0", "logs " + idA + " --tail 0",
		"worker x", "worker --listen 127.0.0.1:0", "keys create --name x", "--url ftp://x ps", "serve x", "serve --listen x", "serve --celery-broker x", "workers drain"} {
		said := run(t.Context(), t, "http://127.0.0.1:1", strings.Fields(args))
		require.Equal(t, exitUsage, said.code, "%s: %s", args, said.err)
		require.Empty(t, said.out, args)
		require.True(t, strings.HasPrefix(said.err, "kedrod: "), args)
	}
	golden(t, "usage", run(t.Context(), t, "http://x", []string{"serv"}).String()+run(t.Context(), t, "http://x", []string{"ps", "--statsu", "x"}).String()+
		run(t.Context(), t, "http://x", []string{"show"}).String()+run(t.Context(), t, "http://x", []string{"schedules", "x"}).String())
}

func TestNoServer(t *testing.T) {
	said := run(t.Context(), t, "http://127.0.0.1:1", []string{"ps"})
	require.Equal(t, exitNoServer, said.code)
	require.Contains(t, said.err, "no server at http://SERVER: start one with kedrod serve, or set --url or KEDROD_URL")
}

func TestServe(t *testing.T) {
	var got config.Config
	serve := func(err error) option {
		return backend(Backend{Serve: func(_ context.Context, c config.Config, s Streams) error {
			got = c
			_, _ = s.Out.Write([]byte("listening\n"))
			return err
		}})
	}
	said := run(t.Context(), t, "", []string{"serve", "--listen", "127.0.0.1:0", "--concurrency=3"}, serve(nil), environ("KEDROD_LISTN=x"))
	require.Equal(t, 0, said.code)
	require.Equal(t, "listening\n", said.out)
	require.Equal(t, "warning: KEDROD_LISTN is no setting and has no effect; KEDROD_LISTEN is the nearest\n", said.err)
	require.Equal(t, 3, got.Concurrency)
	require.Equal(t, "127.0.0.1:0", got.Listen)

	said = run(t.Context(), t, "", []string{"serve"}, serve(fault.New(fault.Conflict, "another kedrod serves /data")))
	require.Equal(t, 1, said.code)
	require.Equal(t, "kedrod: another kedrod serves /data\n", said.err)
	require.Equal(t, 1, run(t.Context(), t, "", []string{"serve"}).code, "a build without a service says so")
	require.Equal(t, 1, run(t.Context(), t, "", []string{"worker"}).code)
	said = run(t.Context(), t, "", []string{"worker", "--database-url", "postgres://h/d"}, backend(Backend{Worker: func(_ context.Context, c config.Config, _ Streams) error {
		got = c
		return nil
	}}))
	require.Equal(t, 0, said.code, said.err)
	require.Equal(t, "postgres://h/d", got.DatabaseURL)
	for _, verb := range []string{"backup", "restore", "import"} {
		said = run(t.Context(), t, "", []string{verb, "file", "--database-url", "postgres://u:hunter2@h/d"})
		require.NotEqual(t, 0, said.code)
		require.Contains(t, said.err, "kedrod "+verb+" works on the jobs.db")
		require.NotContains(t, said.err, "hunter2")
	}
}

func TestDoctor(t *testing.T) {
	findings := []client.Finding{{Level: "ok", Check: "python", Message: "Python 3.11.2"}, {Level: "warning", Check: "env", Message: "oc.env:X is not passed", Advice: "Add it to pass_env."}}
	doctor := func() option {
		return backend(Backend{Doctor: func(context.Context, config.Config) ([]client.Finding, error) { return findings, nil }})
	}
	said := run(t.Context(), t, "", []string{"doctor"}, doctor())
	findings = append(findings, client.Finding{Level: "error", Check: "kedro", Message: "no Kedro", Advice: "pip install kedro"})
	golden(t, "doctor", said.String()+run(t.Context(), t, "", []string{"doctor"}, doctor()).String())
	said = run(t.Context(), t, "", []string{"doctor", "-o", "json"}, doctor())
	require.Equal(t, 1, said.code)
	require.Contains(t, said.out, `"advice": "pip install kedro"`)
	said = run(t.Context(), t, "", []string{"doctor"}, backend(Backend{Doctor: func(context.Context, config.Config) ([]client.Finding, error) { return nil, errors.New("broken") }}))
	require.Equal(t, 1, said.code)
}

func TestConfigVerb(t *testing.T) {
	said := run(t.Context(), t, "", []string{"config", "--data-dir", "/d", "--concurrency", "2", "--project", "/p"}, environ("KEDROD_LISTEN=127.0.0.1:9"))
	golden(t, "config", said.String())
	said = run(t.Context(), t, "", []string{"config", "-o", "json"})
	require.Contains(t, said.out, `"key": "listen"`)
}

func TestOpenAPIAndVersion(t *testing.T) {
	said := run(t.Context(), t, "http://127.0.0.1:1", []string{"openapi"}, backend(Backend{OpenAPI: func(v string) ([]byte, error) { return []byte(`{"v":"` + v + `"}`), nil }}))
	require.Equal(t, ran{0, "{\n  \"v\": \"1.2.3\"\n}\n", ""}, said)
	f := newFake(t, map[string]string{"GET /openapi.json": `{"server":1}`})
	require.Equal(t, "{\n  \"server\": 1\n}\n", run(t.Context(), t, f.URL, []string{"openapi"}).out)
	require.True(t, strings.HasPrefix(run(t.Context(), t, "", []string{"version"}).out, "kedrod 1.2.3 (go"))
	require.Equal(t, run(t.Context(), t, "", []string{"version"}).out, run(t.Context(), t, "", []string{"--version"}).out)
	require.Contains(t, run(t.Context(), t, "", []string{"version", "-o", "json"}).out, `"version": "1.2.3"`)
	require.Contains(t, run(t.Context(), t, "", []string{"completion", "bash"}).out, "kedrod")
}

func TestAPIKey(t *testing.T) {
	f := newFake(t, nil)
	var keys []string
	f.handlers["GET /api/v1/workers"] = keyed(&keys)
	run(t.Context(), t, f.URL, []string{"workers"}, environ("KEDROD_API_KEY=k1"))
	dir := t.TempDir()
	writeFile(t, dir+"/key", "k2\n")
	run(t.Context(), t, f.URL, []string{"workers"}, environ("KEDROD_API_KEY_FILE="+dir+"/key"))
	require.Equal(t, []string{"Bearer k1", "Bearer k2"}, keys)
	require.Equal(t, exitUsage, run(t.Context(), t, f.URL, []string{"workers"}, environ("KEDROD_API_KEY_FILE=/absent")).code)
}

// TestShortPagesAreFollowed: a page may be short, or empty, although more follow.
func TestShortPagesAreFollowed(t *testing.T) {
	f := newFake(t, nil)
	f.handlers["GET /api/v1/jobs"] = func(w http.ResponseWriter, r *http.Request) {
		answer := client.Page[client.Job]{Items: []client.Job{}, NextCursor: ptr("b")}
		switch r.URL.Query().Get("cursor") {
		case "b":
			answer = client.Page[client.Job]{Items: []client.Job{aJob("completed")}, NextCursor: ptr("c")}
		case "c":
			answer = client.Page[client.Job]{Items: []client.Job{aJob("failed")}}
		}
		_, _ = io.WriteString(w, asJSON(t, answer))
	}
	said := run(t.Context(), t, f.URL, []string{"ps", "-q", "x", "-n", "5"})
	require.Zero(t, said.code, said.err)
	require.Contains(t, said.out, "completed")
	require.Contains(t, said.out, "failed")
	require.NotContains(t, said.err, "there are more")
}
