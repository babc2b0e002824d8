package worker_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kedrod/kedrod/internal/clock"
	"github.com/kedrod/kedrod/internal/executor"
	"github.com/kedrod/kedrod/internal/executor/proc"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/joblog"
	"github.com/kedrod/kedrod/internal/kedro"
	"github.com/kedrod/kedrod/internal/rundir"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/sqlite"
	"github.com/kedrod/kedrod/internal/worker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// interpreter stands where Python stands: it is called as Python would be to run
// Kedro, and does what the pipeline's name says.
const interpreter = `#!/bin/sh
pipeline=$(sed -n 's/.*"pipelines*": *"\([^"]*\)".*/\1/p' "$5")
case $pipeline in
ok) echo "hello from $KEDROD_JOB_ID" ;;
gate) touch "$KEDROD_RUN_DIR/begun"; while [ ! -e "$KEDROD_RUN_DIR/gate" ]; do sleep 0.02; done ;;
saves)
	echo '{"ev":"run_start","t":1,"nodes":[{"name":"n","outputs":["x","v"]}],"datasets":[{"name":"x","path":"'"$PWD"'/data/x.csv","protocol":"file"},{"name":"v","path":"'"$PWD"'/data/v","versioned":true}]}' >> "$KEDROD_EVENTS"
	while [ ! -e "$KEDROD_RUN_DIR/save" ]; do sleep 0.02; done
	echo '{"ev":"saved","t":2,"node":"n","dataset":"x"}' >> "$KEDROD_EVENTS"
	while [ ! -e "$KEDROD_RUN_DIR/gate" ]; do sleep 0.02; done
	echo '{"ev":"run_ok","t":3}' >> "$KEDROD_EVENTS" ;;
fail) echo 'Running node: f: f([a]) -> [b]'; printf 'Traceback (most recent call last):\n  File "x.py", line 1, in f\nValueError: bad wine\n' >&2; exit 1 ;;
killed) kill -9 $$ ;;
loud) yes 'a line of a log' | head -c 6000000; touch "$KEDROD_RUN_DIR/begun"; sleep 61 ;;
lines) seq 1 2000000; touch "$KEDROD_RUN_DIR/begun"; sleep 61 ;;
line) echo begin; head -c 64000000 /dev/zero | tr '\0' z; echo; echo end; touch "$KEDROD_RUN_DIR/begun"; sleep 61 ;;
sleep) touch "$KEDROD_RUN_DIR/begun"; sleep 61 ;;
stubborn)
	trap '' INT TERM
	(setsid sh -c 'trap "" INT TERM; while :; do sleep 1; done' &)
	touch "$KEDROD_RUN_DIR/begun"
	while :; do sleep 1; done ;;
counted)
	n=$(mktemp "$COUNTED/run.XXXXXX"); ls "$COUNTED" | wc -l >> "$COUNTED.most"; sleep 0.05; rm "$n" ;;
env) env ;;
flood) yes "a line that comes faster than anybody reads" ;;
pipes)
	cd "$KEDROD_RUN_DIR" && rm -f run.log config.json && mkfifo run.log config.json events.jsonl outcome.json
	sleep 61 ;;
esac
`

type catalog struct{}

func (catalog) Snapshot() (kedro.Registry, bool) { return kedro.Registry{}, false }
func (catalog) FullRegistry() bool               { return false }

// rig is a worker on a real store and a real executor.
type rig struct {
	t     testing.TB
	dir   string
	db    *sqlite.Store
	store worker.Store // db, or what a test puts around it
	runs  rundir.Root
	opts  worker.Options
	n     int
}

// rigs numbers them: a guard that is still at its last work must know no other's runs.
var rigs atomic.Int64

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir()}
	var err error
	r.db, err = sqlite.Open(t.Context(), filepath.Join(r.dir, "jobs.db"), sqlite.Options{Rand: func() float64 { return 0.999 }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.db.Close()) })
	r.store = r.db
	r.runs = rundir.New(filepath.Join(r.dir, "runs"))
	python := filepath.Join(r.dir, "python")
	require.NoError(t, os.WriteFile(python, []byte(interpreter), 0o700))
	require.NoError(t, os.Mkdir(filepath.Join(r.dir, "counted"), 0o700))
	r.opts = worker.Options{
		Wall: time.Now, Boot: clock.SinceBoot,
		Self: store.Worker{ID: fmt.Sprintf("w-%d-%d", os.Getpid(), rigs.Add(1)), Host: "here", PID: 1, Version: "test", Slots: 2, StartedAt: job.Truncate(time.Now())},
		Projects: []*worker.Project{{
			Name: "proj", Path: r.dir, Python: python, Catalog: catalog{},
			Environ: append(os.Environ(), "COUNTED="+filepath.Join(r.dir, "counted"), "KEDROD_API_KEY=secret"),
		}},
		Runs: r.runs, Grace: executor.Grace{Int: 50 * time.Millisecond, Term: 50 * time.Millisecond}, Drain: 50 * time.Millisecond,
		Watcher: joblog.NewWatcher(joblog.Options{}), Log: slog.New(slog.DiscardHandler),
	}
	return r
}

// start runs a worker; stop ends it as a signal would.
func (r *rig) start() (*worker.Worker, func()) {
	r.t.Helper()
	w, done, end := r.run()
	stop := sync.OnceFunc(func() {
		end()
		require.NoError(r.t, <-done)
	})
	r.t.Cleanup(stop)
	return w, stop
}

// run runs a worker until end is called, and sends how it ended.
func (r *rig) run() (*worker.Worker, <-chan error, func()) {
	r.t.Helper()
	exec, err := executor.New(r.t.Context(), executor.Options{WorkerID: r.opts.Self.ID})
	require.NoError(r.t, err)
	o := r.opts
	o.Store, o.Starter = r.store, exec
	w := worker.New(o)
	require.NoError(r.t, w.Recover(r.t.Context()))
	require.NoError(r.t, w.Enter(r.t.Context()))
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.t.Context()))
	r.t.Cleanup(cancel)
	ended := make(chan error, 1)
	go func() {
		err := w.Run(ctx)
		bounded, end := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer end()
		if cerr := exec.Close(bounded); err == nil {
			err = cerr
		}
		ended <- err
	}()
	return w, ended, cancel
}

// open lets a run of the pipeline gate end.
func (r *rig) open(id string) {
	r.t.Helper()
	require.NoError(r.t, os.WriteFile(filepath.Join(r.runs.Attempt(id, 1).Path, "gate"), nil, 0o600))
}

func (r *rig) submit(pipeline string, change func(*job.Job)) job.Job {
	r.t.Helper()
	r.n++
	j := job.Job{
		ID: fmt.Sprintf("job-%d", r.n), Project: "proj", Pipeline: pipeline, Status: job.Pending, CreatedAt: job.Truncate(time.Now()),
		Queue: job.Queue{Timeout: time.Minute, MaxAttempts: 1, MaxRecoveries: 3},
	}
	if change != nil {
		change(&j)
	}
	_, _, err := r.db.Submit(r.t.Context(), j, nil)
	require.NoError(r.t, err)
	return j
}

func (r *rig) get(id string) job.Job {
	r.t.Helper()
	j, err := r.db.Get(r.t.Context(), id)
	require.NoError(r.t, err)
	return j
}

// ended waits for the job's end.
func (r *rig) ended(id string) job.Job {
	r.t.Helper()
	require.Eventually(r.t, func() bool { return r.get(id).Status.Terminal() }, 30*time.Second, 5*time.Millisecond, "job %s does not end", id)
	return r.get(id)
}

// begun waits until the run's process says so.
func (r *rig) begun(id string, attempt int) {
	r.t.Helper()
	path := filepath.Join(r.runs.Attempt(id, attempt).Path, "begun")
	require.Eventually(r.t, func() bool { _, err := os.Stat(path); return err == nil }, 30*time.Second, 5*time.Millisecond, "run of %s does not begin", id)
}

// alive lists the processes of this rig's worker.
func (r *rig) alive() []int {
	return r.marked(proc.Marker{Entry: "KEDROD_MARKER=" + r.opts.Self.ID + "/", Prefix: true})
}

// aliveOf lists the processes of a job's first run.
func (r *rig) aliveOf(id string) []int {
	return r.marked(proc.Marker{Entry: "KEDROD_MARKER=" + r.opts.Self.ID + "/" + id + ".1"})
}

func (r *rig) marked(m proc.Marker) []int {
	r.t.Helper()
	found, err := proc.Find(proc.Wanted{Marker: m})
	require.NoError(r.t, err)
	var pids []int
	for _, p := range found {
		if p.Alive() {
			pids = append(pids, p.PID)
		}
	}
	return pids
}

func TestOutcomes(t *testing.T) {
	r := newRig(t)
	r.start()
	for _, c := range []struct {
		pipeline string
		status   job.Status
		reason   job.Reason
		message  string
		exit     int
		signal   string
	}{
		{"ok", job.Completed, "", "", 0, ""},
		{"fail", job.Failed, job.PipelineError, "ValueError: bad wine", 1, ""},
		{"killed", job.Failed, job.Killed, "SIGKILL", -1, "SIGKILL"},
	} {
		j := r.ended(r.submit(c.pipeline, nil).ID)
		require.Equal(t, c.status, j.Status, c.pipeline)
		require.Equal(t, c.reason, j.Reason, c.pipeline)
		if c.message != "" {
			require.Contains(t, *j.ErrorMessage, c.message)
		}
		require.Equal(t, "cold", j.Start)
		attempts, err := r.db.Attempts(t.Context(), j.ID)
		require.NoError(t, err)
		require.Len(t, attempts, 1)
		require.Equal(t, c.signal, attempts[0].Signal)
		if c.signal == "" {
			require.Equal(t, c.exit, *attempts[0].ExitCode)
		}
	}
	log, err := os.ReadFile(r.runs.Attempt("job-1", 1).Log())
	require.NoError(t, err)
	require.Equal(t, "hello from job-1\n", string(log))
}

func TestNothingOfOursReachesARun(t *testing.T) {
	r := newRig(t)
	r.start()
	j := r.ended(r.submit("env", nil).ID)
	require.Equal(t, job.Completed, j.Status)
	log, err := os.ReadFile(r.runs.Attempt(j.ID, 1).Log())
	require.NoError(t, err)
	require.NotContains(t, string(log), "secret")
	require.Contains(t, string(log), "KEDROD_JOB_ID=job-1\n")
	require.Contains(t, string(log), "DO_NOT_TRACK=1\n")
}

func TestMissingInterpreterIsAStartError(t *testing.T) {
	r := newRig(t)
	r.opts.Projects[0].Python = filepath.Join(r.dir, "gone", "python")
	r.start()
	j := r.ended(r.submit("ok", nil).ID)
	require.Equal(t, job.StartError, j.Reason)
	require.Contains(t, *j.ErrorMessage, r.opts.Projects[0].Python)
}

func TestTimeoutEndsEveryProcessBeforeItIsSaid(t *testing.T) {
	r := newRig(t)
	r.start()
	j := r.ended(r.submit("stubborn", func(j *job.Job) { j.Queue.Timeout = 300 * time.Millisecond }).ID)
	require.Empty(t, r.alive(), "said before the last process was gone")
	require.Equal(t, job.Failed, j.Status)
	require.Equal(t, job.Timeout, j.Reason)
	require.GreaterOrEqual(t, *j.ExecutionTime, 0.3)
}

// TestARunThatWritesWithoutEndIsEnded: its progress is read from a log that grows
// faster than it is read.
func TestARunThatWritesWithoutEndIsEnded(t *testing.T) {
	r := newRig(t)
	r.start()
	j := r.ended(r.submit("flood", func(j *job.Job) { j.Queue.Timeout = 500 * time.Millisecond }).ID)
	require.Equal(t, job.Timeout, j.Reason)
	require.Less(t, *j.ExecutionTime, 5.0)
}

// TestPipesInPlaceOfOurFilesAreNotWaitedFor: a run may do what it likes in its folder.
func TestPipesInPlaceOfOurFilesAreNotWaitedFor(t *testing.T) {
	r := newRig(t)
	_, stop := r.start()
	j := r.ended(r.submit("pipes", func(j *job.Job) { j.Queue.Timeout = 500 * time.Millisecond }).ID)
	require.Equal(t, job.Timeout, j.Reason)
	stop()
}

func TestCancelEndsEveryProcessBeforeItIsSaid(t *testing.T) {
	r := newRig(t)
	r.start()
	j := r.submit("stubborn", nil)
	r.begun(j.ID, 1)
	require.NotEmpty(t, r.alive())
	_, err := r.db.Update(t.Context(), j.ID, func(j *job.Job) error { j.RequestCancel(time.Now()); return nil })
	require.NoError(t, err)
	got := r.ended(j.ID)
	require.Empty(t, r.alive(), "said before the last process was gone")
	require.Equal(t, job.Cancelled, got.Status)
}

func TestTriesAreNewAttemptsWithLogsOfTheirOwn(t *testing.T) {
	r := newRig(t)
	r.start()
	j := r.ended(r.submit("fail", func(j *job.Job) { j.Queue.MaxAttempts = 2 }).ID)
	require.Equal(t, 2, j.Attempt)
	require.Equal(t, 2, j.Tries)
	for n := 1; n <= 2; n++ {
		log, err := os.ReadFile(r.runs.Attempt(j.ID, n).Log())
		require.NoError(t, err)
		require.Contains(t, string(log), "bad wine")
	}
}

func TestNeverMoreRunsThanSlots(t *testing.T) {
	r := newRig(t)
	r.start()
	var last job.Job
	for range 12 {
		last = r.submit("counted", nil)
	}
	r.ended(last.ID)
	for i := 1; i <= 12; i++ {
		require.Equal(t, job.Completed, r.ended(fmt.Sprintf("job-%d", i)).Status)
	}
	most, err := os.ReadFile(filepath.Join(r.dir, "counted.most"))
	require.NoError(t, err)
	counts := strings.Fields(string(most))
	require.Len(t, counts, 12)
	require.Contains(t, counts, "2", "the slots are used")
	require.NotContains(t, counts, "3")
}

func TestDrainGivesBackWhatItEnds(t *testing.T) {
	r := newRig(t)
	_, stop := r.start()
	j := r.submit("sleep", nil)
	r.begun(j.ID, 1)
	stop()
	require.Empty(t, r.alive())
	got := r.get(j.ID)
	require.Equal(t, job.Pending, got.Status)
	require.Zero(t, got.Tries+got.Recoveries)
	attempts, err := r.db.Attempts(t.Context(), j.ID)
	require.NoError(t, err)
	require.Equal(t, job.AttemptReturned, attempts[0].Status)
}

// TestADrainThatIsAskedFor lets the run under way end, starts no other, and ends the
// worker, while what ends Run otherwise has not come.
func TestADrainThatIsAskedFor(t *testing.T) {
	r := newRig(t)
	r.opts.Drain, r.opts.Self.Slots = time.Hour, 1
	w, _ := r.start()
	j := r.submit("gate", nil)
	r.begun(j.ID, 1)
	waiting := r.submit("ok", nil)
	_, err := r.db.RequestDrain(t.Context(), r.opts.Self.ID)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(r.runs.Attempt(j.ID, 1).Path, "gate"), nil, 0o600))
	require.Equal(t, job.Completed, r.ended(j.ID).Status)
	state := func() store.WorkerState {
		all, err := r.db.Workers(t.Context(), r.opts.Self.StartedAt)
		require.NoError(t, err)
		require.Len(t, all, 1)
		return all[0].State
	}
	require.Eventually(t, func() bool { return state() == store.WorkerStopped }, 30*time.Second, 5*time.Millisecond)
	require.Equal(t, job.Pending, r.get(waiting.ID).Status)
	w.Kill()
}

func TestKillEndsRunsAtOnce(t *testing.T) {
	r := newRig(t)
	r.opts.Drain, r.opts.Grace = time.Hour, executor.Grace{Int: time.Hour, Term: time.Hour}
	w, stop := r.start()
	j := r.submit("stubborn", nil)
	r.begun(j.ID, 1)
	w.Kill()
	w.Kill()
	stop()
	require.Empty(t, r.alive())
	require.Equal(t, job.Pending, r.get(j.ID).Status)
}
