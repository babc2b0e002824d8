package cli

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
)

func keyed(keys *[]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		*keys = append(*keys, r.Header.Get("Authorization"))
		_, _ = w.Write([]byte(`{"items":[]}`))
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}

func TestSubmitSendsEveryField(t *testing.T) {
	f := newFake(t, map[string]string{"POST /api/v1/jobs": "201 " + asJSON(t, aJob("pending"))})
	said := run(t.Context(), t, f.URL, []string{"submit", "train", "-p", "a.b=1.0", "-p", "a.c=[1, 2]", "-s", "a.d=1", "-p", `x={"é": null}`, "--params", "-",
		"--tags", "t1,t2", "--node-names", "n", "--from-nodes", "f", "--to-nodes", "t", "--from-inputs", "i", "--to-outputs", "o", "--namespaces", "ns",
		"--load-versions", "cars:2026-11-25T01.20.16.340Z,bikes=1", "--env", "prod", "--conf-source", "c", "--runner", "ThreadRunner", "--runner-params", `{"max_workers":2}`,
		"--is-async", "--only-missing-outputs", "--project", "sales", "--user-id", "u", "--priority", "-3", "--run-at", "2026-11-25T06:00:00+01:00",
		"--expires-at", "2026-11-26T00:00:00Z", "--timeout", "30m", "--max-attempts", "2", "--retry-on", "timeout", "--max-recoveries", "0", "--concurrency-key", "k",
		"--concurrency-limit", "2", "--requires", "gpu=a100", "--labels", "team=x,who=y=z", "--callback-url", "http://h/x", "--idempotency-key", "once"},
		stdin("a: {b: 0, e: 1.10}\nbig: 123456789012345678901234567890\nt: yes\nf: true\n"))
	require.Equal(t, 0, said.code, said.err)
	require.JSONEq(t, `{"pipeline_name":"train","parameters":{"a":{"b":1.0,"c":[1,2],"d":"1","e":1.10},"x":{"é":null},"big":123456789012345678901234567890,"t":"yes","f":true},
		"tags":["t1","t2"],"node_names":["n"],"from_nodes":["f"],"to_nodes":["t"],"from_inputs":["i"],"to_outputs":["o"],"namespaces":["ns"],
		"load_versions":{"cars":"2026-11-25T01.20.16.340Z","bikes":"1"},"env":"prod","conf_source":"c","runner":"ThreadRunner","runner_params":{"max_workers":2},
		"is_async":true,"only_missing_outputs":true,"project":"sales","user_id":"u","priority":-3,"run_at":"2026-11-25T05:00:00.000000+00:00",
		"expires_at":"2026-11-26T00:00:00.000000+00:00","timeout_seconds":1800,"max_attempts":2,"retry_on":["timeout"],"max_recoveries":0,"concurrency_key":"k",
		"concurrency_limit":2,"requires":{"gpu":"a100"},"labels":{"team":"x","who":"y=z"},"callback_url":"http://h/x"}`, f.bodies[0])
	for _, exact := range []string{`"b":1.0`, `"e":1.10`, "123456789012345678901234567890"} {
		require.Contains(t, f.bodies[0], exact, "numbers are sent as they were written")
	}
	run(t.Context(), t, f.URL, []string{"submit", "train"})
	require.JSONEq(t, `{"pipeline_name":"train"}`, f.bodies[1], "what is not given is not sent")
	run(t.Context(), t, f.URL, []string{"submit", "--pipeline-names", "a,b", "--delay", "1.5", "--timeout", "90"})
	require.JSONEq(t, `{"pipeline_names":["a","b"],"delay_seconds":1.5,"timeout_seconds":90}`, f.bodies[2])
}

func TestNoJSONIsRefusedWithTheCommandThatWasMeant(t *testing.T) {
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"submit", "train", "-p", "model=linear", "--wait"}, "kedrod submit train -s model=linear --wait"},
		{[]string{"submit", "my pipe", "-p", "n=1", "-p", "model=it's new"}, `kedrod submit 'my pipe' -p n=1 -s 'model=it'\''s new'`},
		{[]string{"submit", "train", "-pmodel=linear"}, "kedrod submit train -s model=linear"},
		{[]string{"submit", "train", "--param=model=linear"}, "kedrod submit train -s model=linear"},
		{[]string{"submit", "train", "--param", "on=True"}, "kedrod submit train -p on=true"},
		{[]string{"submit", "train", "-p", "x=None"}, "kedrod submit train -p x=null"},
		{[]string{"submit", "train", "-p", "x="}, "kedrod submit train -s x="},
	}
	for _, test := range tests {
		said := run(t.Context(), t, "http://127.0.0.1:1", test.args)
		require.Equal(t, exitUsage, said.code)
		require.True(t, strings.HasSuffix(said.err, "\n  "+test.want+"\n"), said.err)
	}
}

// a service on which a job runs to an end.
func running(t *testing.T, end client.Job, events string) *fake {
	t.Helper()
	f := newFake(t, map[string]string{
		"POST /api/v1/jobs":                     "201 " + asJSON(t, aJob("pending")),
		"GET /api/v1/jobs/" + idA:               asJSON(t, end),
		"GET /api/v1/jobs/" + idA + "/events":   events,
		"GET /api/v1/jobs/" + idA + "/logs":     "event: log\nid: 4\ndata: {\"text\": \"one\\n\"}\n\nevent: log\nid: 8\ndata: {\"text\": \"two\\n\"}\n\nevent: end\ndata: {\"bytes\": 8}\n\n",
		"POST /api/v1/jobs/" + idA + "/cancel":  asJSON(t, end),
		"GET /api/v1/jobs/" + idA + "/attempts": `{"items":[]}`,
	})
	return f
}

const someEvents = `event: status
id: 1
data: {"job_id":"x","time":"2026-11-25T03:00:00.000000+00:00","status":"pending"}

event: status
id: 2
data: {"job_id":"x","time":"2026-11-25T03:00:00.000000+00:00","status":"running","attempt":1}

event: node
id: 3
data: {"job_id":"x","time":"2026-11-25T03:00:00.000000+00:00","name":"split","status":"running"}

event: progress
id: 4
data: {"job_id":"x","time":"2026-11-25T03:00:00.000000+00:00","done":0,"total":2,"running":["split"]}

event: node
id: 5
data: {"job_id":"x","time":"2026-11-25T03:00:00.000000+00:00","name":"split","status":"completed","seconds":0.31}

event: novelty
id: 6
data: {"job_id":"x","time":"2026-11-25T03:00:00.000000+00:00"}

event: end
id: 7
data: {"job_id":"x","time":"2026-11-25T03:00:00.000000+00:00","status":"completed"}

`

func TestWait(t *testing.T) {
	for status, code := range map[string]int{"completed": 0, "failed": 1, "cancelled": 3} {
		t.Run(status, func(t *testing.T) {
			f := running(t, aJob(status), someEvents)
			for name, args := range map[string]string{"wait": "submit train --wait", "follow": "submit train --follow", "logs": "logs -f " + idA} {
				said := run(t.Context(), t, f.URL, strings.Fields(args))
				require.Equal(t, code, said.code, said.err)
				golden(t, name+"-"+status, said.String())
			}
			said := run(t.Context(), t, f.URL, strings.Fields("submit train --wait -o json"))
			require.Equal(t, code, said.code)
			require.JSONEq(t, asJSON(t, aJob(status)), said.out)
			said = run(t.Context(), t, f.URL, strings.Fields("submit train --follow -o json"))
			require.JSONEq(t, asJSON(t, aJob(status)), said.out)
			require.Contains(t, said.err, "one\ntwo\n")
		})
	}
}

// Without the stream of events the end is still learned.
func TestWaitWithoutEvents(t *testing.T) {
	f := running(t, aJob("completed"), "")
	require.Equal(t, 0, run(t.Context(), t, f.URL, []string{"submit", "train", "--wait"}).code)
}

func TestWaitTimeout(t *testing.T) {
	f := running(t, aJob("running"), "")
	hang := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
	f.handlers["GET /api/v1/jobs/"+idA+"/events"], f.handlers["GET /api/v1/jobs/"+idA+"/logs"] = hang, hang
	for _, how := range []string{"--wait", "--follow", ""} {
		said := run(t.Context(), t, f.URL, strings.Fields("submit train --wait-timeout 100ms "+how))
		require.Equal(t, exitNotEnded, said.code, said.err)
		require.Contains(t, said.err, "the job goes on; to follow it: kedrod logs -f ab12cd; to stop it: kedrod cancel ab12cd")
	}
	said := run(t.Context(), t, f.URL, strings.Fields("submit train --wait-timeout 100ms -o json"))
	require.Equal(t, exitNotEnded, said.code)
	require.Contains(t, said.out, `"status": "running"`)
}

// Ctrl-C ends the waiting and not the job.
func TestInterruptedWait(t *testing.T) {
	for _, args := range []string{"submit train --wait", "submit train --follow"} {
		ctx, cancel := context.WithCancel(t.Context())
		f := running(t, aJob("running"), "")
		hang := func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			<-r.Context().Done()
		}
		f.handlers["GET /api/v1/jobs/"+idA+"/events"], f.handlers["GET /api/v1/jobs/"+idA+"/logs"] = hang, hang
		said := run(ctx, t, f.URL, strings.Fields(args))
		require.Equal(t, exitInterrupted, said.code)
		require.Contains(t, said.err, "to stop it: kedrod cancel ab12cd")
		for _, r := range f.requests {
			require.NotContains(t, r, "cancel")
		}
	}
}

// A job that is run again after a lost worker is followed through each attempt.
func TestFollowGoesThroughTheAttempts(t *testing.T) {
	f := newFake(t, nil)
	attempt := 1
	f.handlers["GET /api/v1/jobs/"+idA] = func(w http.ResponseWriter, _ *http.Request) {
		job := aJob("running")
		if attempt > 2 {
			job = aJob("completed")
		}
		job.Attempt = min(attempt, 2)
		_, _ = fmt.Fprint(w, asJSON(t, job))
	}
	f.handlers["GET /api/v1/jobs/"+idA+"/logs"] = func(w http.ResponseWriter, r *http.Request) {
		n := r.URL.Query().Get("attempt")
		_, _ = fmt.Fprintf(w, "event: log\nid: 2\ndata: {\"text\": \"%s\\n\"}\n\nevent: end\ndata: {\"bytes\": 2}\n\n", n)
		attempt++
	}
	said := run(t.Context(), t, f.URL, []string{"logs", "-f", idA})
	require.Equal(t, 0, said.code, said.err)
	require.Equal(t, "1\n2\n", said.out)
}

func TestFollowAJobThatNeverRan(t *testing.T) {
	never := aJob("cancelled", func(j *client.Job) { j.Attempt, j.StartedAt, j.ExecutionTime = 0, nil, nil })
	f := newFake(t, map[string]string{"GET /api/v1/jobs/" + idA: asJSON(t, never)})
	said := run(t.Context(), t, f.URL, []string{"logs", "-f", idA})
	require.Equal(t, ran{3, "", "ab12cd cancelled\n"}, said)
}

func TestProgressLine(t *testing.T) {
	p := progress{begun: now, status: "pending"}
	require.Equal(t, "pending  2.0 s", p.line(now.Add(2*time.Second)))
	take := func(kind, data string) string { return p.take(client.Event{Type: kind, Data: []byte(data)}) }
	require.Equal(t, "running", take("status", `{"status":"running","attempt":1}`))
	require.Empty(t, take("status", `{"status":"running","attempt":1}`))
	require.Empty(t, take("progress", `{"done":3,"total":7,"running":["a","b\u001b[2J"]}`))
	require.Equal(t, "running  3/7  a, b\uFFFD[2J  1 min 5 s", p.line(now.Add(65*time.Second)))
	require.Equal(t, "a completed in 310 ms", take("node", `{"name":"a","status":"completed","seconds":0.31}`))
	require.Equal(t, "a skipped", take("node", `{"name":"a","status":"skipped"}`))
	require.Empty(t, take("node", `{"name":"a","status":"running"}`))
	require.Equal(t, "pending", take("status", `{"status":"pending"}`))
	require.Equal(t, "running, attempt 2", take("status", `{"status":"running","attempt":2}`))
	require.Empty(t, take("node", `nonsense`))
	require.Empty(t, take("status", `{"status":"failed"}`), "the end is told once")
	require.Equal(t, "failed  3/7  a, b\uFFFD[2J  0 ms", p.line(now))
}

// The line is redrawn in place, never longer than the terminal, and gone at the end.
func TestProgressOnATerminal(t *testing.T) {
	f := running(t, aJob("completed"), someEvents)
	said := run(t.Context(), t, f.URL, []string{"submit", "train", "--wait"}, onTerminal(20), environ("NO_COLOR=1"))
	require.Equal(t, 0, said.code)
	require.Equal(t, idA+"\n", said.out)
	frames := strings.Split(said.err, "\r\x1b[K")
	require.Greater(t, len(frames), 5)
	require.Empty(t, frames[0])
	for _, frame := range frames[1 : len(frames)-1] {
		require.LessOrEqual(t, len([]rune(frame)), 19)
		require.NotContains(t, frame, "\n")
	}
	require.Contains(t, said.err, "running  0/2  spli…")
	require.Equal(t, "ab12cd completed in 12.4 s\n", frames[len(frames)-1])
}
