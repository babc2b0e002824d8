package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
)

// told is a message that reached a receiver.
type told struct {
	Event  string     `json:"event"`
	ID     string     `json:"id"`
	Time   string     `json:"time"`
	Job    client.Job `json:"job"`
	header http.Header
	raw    string
}

// ear is a receiver of callbacks.
type ear struct {
	URL string
	mu  sync.Mutex
	all []told
}

// listen starts a receiver; answer, which may be nil, follows what was heard.
func listen(t *testing.T, answer func(http.ResponseWriter, *http.Request, told)) *ear {
	t.Helper()
	e := new(ear)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the sender was killed
		}
		m := told{header: r.Header, raw: string(body)}
		if err := json.Unmarshal(body, &m); err != nil {
			t.Errorf("%s: %s", err, body)
		}
		e.mu.Lock()
		e.all = append(e.all, m)
		e.mu.Unlock()
		if answer != nil {
			answer(w, r, m)
		}
	}))
	t.Cleanup(s.Close)
	e.URL = s.URL
	return e
}

// of gives what was heard of a job.
func (e *ear) of(job string) (of []told) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range e.all {
		if m.Job.ID == job {
			of = append(of, m)
		}
	}
	return of
}

func (s *server) deliveries(t *testing.T, job string) []client.Delivery {
	t.Helper()
	all, err := s.Deliveries(within(t), job)
	require.NoError(t, err)
	return all
}

// TestCallback: a run that ends, well or not, is told with what is known of it.
func TestCallback(t *testing.T) {
	t.Parallel()
	e := listen(t, nil)
	s := serve(t, setup{projects: []string{project(t, "minimal")}, args: []string{"--webhook-allow-private"}})
	for pipeline, want := range map[string]string{"sum": "completed", "fail": "failed"} {
		url := e.URL + "/hook?token=s3cret"
		job, err := s.Submit(within(t), client.Submission{PipelineName: pipeline, CallbackURL: &url, Labels: map[string]string{"a": "b"}}, client.SubmitOptions{})
		require.NoError(t, err)
		require.Equal(t, url, text(job.CallbackURL))
		ended := s.end(t, job.ID)
		require.Equal(t, want, ended.Status, explain(ended))
		eventually(t, "it is delivered", func() bool {
			all := s.deliveries(t, job.ID)
			return len(all) == 1 && all[0].Status == "delivered"
		})
		heard := e.of(job.ID)
		require.Len(t, heard, 1)
		d, m := s.deliveries(t, job.ID)[0], heard[0]
		require.Equal(t, []string{"job." + want, d.ID, d.ID}, []string{m.Event, m.ID, m.header.Get("Kedrod-Delivery")})
		require.Equal(t, []any{"job." + want, 1, 200}, []any{d.Event, d.Attempts, *d.StatusCode})
		require.Regexp(t, `^kedrod/`, m.header.Get("User-Agent"))
		require.Equal(t, ended.ErrorMessage, m.Job.ErrorMessage)
		require.Equal(t, ended.Status, m.Job.Status)
		require.Equal(t, ended.Labels, m.Job.Labels)
		require.True(t, ended.CompletedAt.Equal(m.Job.CompletedAt.Time))
		require.NotContains(t, m.raw, `"parameters"`)
		require.NotContains(t, m.raw, `"results"`)
		require.NotContains(t, m.raw, "s3cret")
		require.Contains(t, s.cli(t, "show", job.ID).out, "callback is  delivered")
	}
	require.NotContains(t, s.Log.String(), "s3cret", "a token is no business of the log")
}

// TestCallbackOverKillMinus9: what is to be told when the service is killed, with an
// attempt under way, is told after the next start, under the same id.
func TestCallbackOverKillMinus9(t *testing.T) {
	t.Parallel()
	dead := make(chan struct{})
	e := listen(t, func(_ http.ResponseWriter, r *http.Request, _ told) {
		select {
		case <-dead:
		case <-r.Context().Done(): // the first attempts hang until the service is gone
		}
	})
	s := serve(t, setup{
		projects: []string{project(t, "minimal")}, python: "none", data: filepath.Join(t.TempDir(), "data"), args: []string{"--no-worker", "--webhook-allow-private"},
	})
	var jobs []string
	for range 6 { // more than are sent at once to one host: some are under way, some are not
		job, err := s.Submit(within(t), client.Submission{PipelineName: "sum", CallbackURL: &e.URL}, client.SubmitOptions{})
		require.NoError(t, err)
		_, err = s.Cancel(within(t), job.ID)
		require.NoError(t, err)
		jobs = append(jobs, job.ID)
	}
	heard := func() (n int) {
		for _, id := range jobs {
			if len(e.of(id)) > 0 {
				n++
			}
		}
		return n
	}
	eventually(t, "attempts are under way", func() bool { return heard() >= 4 })
	s.crash(t)
	close(dead)
	s = s.again(t)
	for _, id := range jobs {
		eventually(t, "it is delivered after the restart", func() bool { return s.deliveries(t, id)[0].Status == "delivered" })
		d := s.deliveries(t, id)
		require.Len(t, d, 1)
		all := e.of(id)
		require.LessOrEqual(t, len(all), d[0].Attempts)
		for _, m := range all {
			require.Equal(t, d[0].ID, m.ID, "at least once, and known again")
			require.Equal(t, all[0].raw, m.raw, "the same message")
			require.Equal(t, "job.cancelled", m.Event)
		}
	}
}
