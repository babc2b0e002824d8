package fleet

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
)

// TestTwoServesAndTwoWorkers share one queue: what one accepts the other shows and
// cancels, whoever runs it; what nobody can take says why.
func TestTwoServesAndTwoWorkers(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	one, two := f.serve("--no-worker"), f.serve("--no-worker")
	early := one.submit("quick", nil)
	two.waits(early.ID, "No worker runs")
	plain, plainID := f.work("--concurrency", "2")
	_, labelled := f.work("--concurrency", "1", "--worker-labels", "gpu=a100")
	two.becomes(early.ID, "completed")

	needs := one.submit("quick", func(s *client.Submission) { s.Requires = map[string]string{"gpu": "a100"} })
	require.Equal(t, labelled, *two.becomes(needs.ID, "completed").Worker)
	lacks := one.submit("quick", func(s *client.Submission) { s.Requires = map[string]string{"gpu": "h100"} })
	two.waits(lacks.ID, "No worker has the label gpu=h100")

	runs := one.submit("until", nil)
	two.becomes(runs.ID, "running")
	f.eventually("it runs", func() bool { return strings.Contains(f.text(f.record()), "start "+runs.ID) })
	_, err := two.Cancel(t.Context(), runs.ID)
	require.NoError(t, err)
	one.becomes(runs.ID, "cancelled")
	require.NotContains(t, f.text(f.record()), "end "+runs.ID)

	// One is drained by SIGTERM and leaves with 0, and the other takes what comes.
	require.NoError(t, plain.Signal(syscall.SIGTERM))
	code, err := plain.Exited()
	require.NoError(t, err)
	require.Zero(t, code)
	last := two.submit("quick", nil)
	require.Equal(t, labelled, *one.becomes(last.ID, "completed").Worker)
	all, err := one.Workers(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 2)
	for _, w := range all {
		require.Equal(t, map[string]string{plainID: "stopped", labelled: "ready"}[w.ID], w.Status)
	}
}

// TestAWorkerIsDrainedFromElsewhere: its run may end, nothing else begins there, and the
// process leaves with 0.
func TestAWorkerIsDrainedFromElsewhere(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	s := f.serve("--no-worker")
	p, id := f.work("--concurrency", "1")
	runs, waits := s.submit("until", nil), s.submit("quick", nil)
	f.eventually("it runs", func() bool { return strings.Contains(f.text(f.record()), "start "+runs.ID) })
	w, err := s.DrainWorker(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, "draining", w.Status)
	s.waits(waits.ID, "All workers are draining")
	require.NoError(t, writeFile(f.release(), ""))
	code, err := p.Exited()
	require.NoError(t, err)
	require.Zero(t, code)
	require.Equal(t, "completed", s.job(runs.ID).Status)
	require.Equal(t, "pending", s.job(waits.ID).Status)
	s.waits(waits.ID, "No worker runs")
}

// TestKeysCountEverywhere: one that is made on the database, or through one serve, is
// known to the other, and so is its end.
func TestKeysCountEverywhere(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	one, two := f.serve(), f.serve("--no-worker")
	_, err := one.Client.Jobs(t.Context(), client.ListFilter{})
	require.NoError(t, err, "nobody is asked yet")
	made := verb(t, f, "keys", "create", "--name", "root", "--role", "admin", "-o", "json", "--database-url-file", f.url())
	var root struct{ Key string }
	require.NoError(t, json.Unmarshal([]byte(made), &root))
	admin, other := f.client(one.Base, root.Key), f.client(two.Base, root.Key)
	for _, s := range []*server{one, two} {
		f.eventually("a key is asked for", func() bool { _, err := s.Client.Jobs(t.Context(), client.ListFilter{}); return err != nil })
	}
	k, err := admin.CreateKey(t.Context(), client.NewKey{Name: "nightly", Role: "runner"})
	require.NoError(t, err)
	nightly := f.client(two.Base, k.Secret)
	f.eventually("the other knows it", func() bool { _, err := nightly.Jobs(t.Context(), client.ListFilter{}); return err == nil })
	_, err = other.RevokeKey(t.Context(), k.ID)
	require.NoError(t, err)
	gone := f.client(one.Base, k.Secret)
	f.eventually("and its end", func() bool { _, err := gone.Jobs(t.Context(), client.ListFilter{}); return err != nil })
}

// TestACallbackIsSentOnce, although every serve sends what is due.
func TestACallbackIsSentOnce(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	var calls atomic.Int64
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		calls.Add(1)
	}))
	t.Cleanup(receiver.Close)
	one, two := f.serve("--webhook-allow-private"), f.serve("--webhook-allow-private", "--no-worker")
	const jobs = 20
	var ids []string
	for i := range jobs {
		s := []*server{one, two}[i%2]
		ids = append(ids, s.submit("quick", func(c *client.Submission) { c.CallbackURL = &receiver.URL }).ID)
	}
	for _, id := range ids {
		two.becomes(id, "completed")
		f.eventually("it is delivered", func() bool {
			all, err := one.Deliveries(t.Context(), id)
			require.NoError(t, err)
			return len(all) == 1 && all[0].Status == "delivered"
		})
	}
	require.EqualValues(t, jobs, calls.Load())
}

// TestNothingOfOursReachesARun, nor the log: neither the database's URL, however it is
// called, nor a variable of PostgreSQL's.
func TestNothingOfOursReachesARun(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	s := f.serve()
	j := s.submit("quick", nil)
	s.becomes(j.ID, "completed")
	env := f.text(f.record() + ".env." + j.ID)
	require.Contains(t, env, "KEDROD_JOB_ID="+j.ID)
	for _, secret := range []string{f.database, "PGAPPNAME", "PGSSLMODE", "SECRET_COPY", "DATABASE_URL"} {
		require.NotContains(t, env, secret)
	}
	require.NotContains(t, s.Log.String(), f.database)
	require.NoFileExists(t, filepath.Join(f.dir, "data-b", "jobs.db"))
}

// TestAWorkerThatIsKilledIsBackAtOnce: the next one on its data folder settles what it
// left, without waiting for anything to run out, and the job runs once more.
func TestAWorkerThatIsKilledIsBackAtOnce(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	s := f.serve("--no-worker")
	p, first := f.work("--data-dir", filepath.Join(f.dir, "shared"))
	runs := s.submit("until", nil)
	f.eventually("it runs", func() bool { return strings.Contains(f.text(f.record()), "start "+runs.ID+" 1") })
	require.NoError(t, p.Signal(syscall.SIGKILL))
	_, err := p.Exited()
	require.NoError(t, err)
	_, second := f.work("--data-dir", filepath.Join(f.dir, "shared"))
	f.eventually("it runs again", func() bool { return strings.Contains(f.text(f.record()), "start "+runs.ID+" 2") })
	require.NoError(t, writeFile(f.release(), ""))
	done := s.becomes(runs.ID, "completed")
	require.Equal(t, second, *done.Worker)
	require.NotContains(t, f.text(f.record()), "end "+runs.ID+" 1")
	all, err := s.Workers(t.Context())
	require.NoError(t, err)
	for _, w := range all {
		require.Equal(t, map[string]string{first: "lost", second: "ready"}[w.ID], w.Status)
	}
}
