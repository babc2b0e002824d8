package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/executor"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/worker"
)

// shift runs workers of one id one after the other on one executor, each handed what the
// one before was about.
type shift struct {
	*rig
	exec *executor.Executor
	w    *worker.Worker
	done chan error
	end  context.CancelFunc
}

func newShift(t *testing.T, r *rig) *shift {
	t.Helper()
	exec, err := executor.New(t.Context(), executor.Options{WorkerID: r.opts.Self.ID})
	require.NoError(t, err)
	s := &shift{rig: r, exec: exec}
	s.work(nil)
	t.Cleanup(func() {
		s.end()
		require.NoError(t, <-s.done)
		bounded, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 20*time.Second)
		defer cancel()
		require.NoError(t, exec.Close(bounded))
	})
	return s
}

func (s *shift) work(handed *worker.Handed) {
	s.t.Helper()
	o := s.opts
	o.Store, o.Starter = s.store, s.exec
	s.w = worker.New(o)
	if handed != nil {
		s.w.Adopt(*handed, s.exec.Handed())
	}
	require.NoError(s.t, s.w.Recover(s.t.Context()))
	require.NoError(s.t, s.w.ReturnForgotten(s.t.Context()))
	require.NoError(s.t, s.w.Enter(s.t.Context()))
	var ctx context.Context
	ctx, s.end = context.WithCancel(context.WithoutCancel(s.t.Context()))
	s.done = make(chan error, 1)
	go func() { s.done <- s.w.Run(ctx) }()
}

// over hands the worker over to the next, the way another binary would get it.
func (s *shift) over() worker.Handed {
	s.t.Helper()
	handed, err := s.w.HandOver(func() error { _, err := s.exec.Freeze(s.t.Context()); return err })
	require.NoError(s.t, err)
	require.NoError(s.t, <-s.done)
	s.end()
	b, err := json.Marshal(handed)
	require.NoError(s.t, err)
	handed = worker.Handed{}
	require.NoError(s.t, json.Unmarshal(b, &handed))
	s.exec.Thaw()
	s.work(&handed)
	return handed
}

func (s *shift) events(id, kind string) (n int) {
	s.t.Helper()
	events, err := s.db.Events(s.t.Context(), id, 0, 1000)
	require.NoError(s.t, err)
	for _, e := range events {
		if string(e.Type) == kind {
			n++
		}
	}
	return n
}

// hooked is a run that tells by events, as the hook would, when it is let.
const hooked = `#!/bin/sh
e=$KEDROD_RUN_DIR/events.jsonl
echo '{"ev": "run_start", "t": 1795000000, "pid": 1, "nodes": [{"name": "a", "outputs": []}, {"name": "b", "outputs": []}], "save_version": "v1"}' >> $e
echo '{"ev": "node_start", "t": 1795000001, "node": "a"}' >> $e
printf '{"ev": "node_run", "t": 179' >> $e
touch "$KEDROD_RUN_DIR/begun"
while [ ! -e "$KEDROD_RUN_DIR/go" ]; do sleep 0.02; done
printf '5000002, "node": "a"}\n' >> $e
echo '{"ev": "node_start", "t": 1795000003, "node": "b"}' >> $e
echo '{"ev": "node_run", "t": 1795000004, "node": "b"}' >> $e
echo '{"ev": "run_ok", "t": 1795000005}' >> $e
`

// A run goes on over any number of workers: its events come once, its nodes and results
// are whole, and it is one attempt.
func TestARunIsHandedOver(t *testing.T) {
	r := newRig(t)
	require.NoError(t, os.WriteFile(r.opts.Projects[0].Python, []byte(hooked), 0o700))
	s := newShift(t, r)
	j := r.submit("hooked", nil)
	r.begun(j.ID, 1)
	require.Eventually(t, func() bool { return s.events(j.ID, "node") == 1 }, 30*time.Second, 5*time.Millisecond)
	for range 3 {
		require.Len(t, s.over().Attempts, 1)
	}
	require.Equal(t, job.Running, r.get(j.ID).Status)
	require.Equal(t, 1, s.events(j.ID, "node"), "nothing is told twice")
	require.NoError(t, os.WriteFile(filepath.Join(r.runs.Attempt(j.ID, 1).Path, "go"), nil, 0o600))
	j = r.ended(j.ID)
	require.Equal(t, job.Completed, j.Status)
	require.Equal(t, 1, j.Attempt)
	require.Equal(t, &job.Progress{Done: 2, Total: 2, Running: []string{}}, j.Progress)
	require.LessOrEqual(t, s.events(j.ID, "node"), 4, "a runs, a is done, b runs, b is done")
	require.Contains(t, string(j.Results), `"save_version":"v1"`)
	nodes, err := r.db.Nodes(t.Context(), j.ID, 1)
	require.NoError(t, err)
	require.Len(t, nodes, 2)
	require.Equal(t, "completed", nodes[1].Status)
}

// Cancel, timeout and the grace of an end that is under way go on.
func TestEndsOfARunAreHandedOver(t *testing.T) {
	r := newRig(t)
	r.opts.Grace = executor.Grace{Int: 400 * time.Millisecond, Term: 400 * time.Millisecond}
	s := newShift(t, r)
	cancelled := r.submit("stubborn", nil)
	late := r.submit("stubborn", func(j *job.Job) { j.Queue.Timeout = 2 * time.Second })
	r.begun(cancelled.ID, 1)
	r.begun(late.ID, 1)
	_, err := r.db.Update(t.Context(), cancelled.ID, func(j *job.Job) error { j.RequestCancel(time.Now()); return nil })
	require.NoError(t, err)
	s.over()
	s.over()
	require.Equal(t, job.Cancelled, r.ended(cancelled.ID).Status)
	s.over()
	j := r.ended(late.ID)
	require.Equal(t, job.Timeout, j.Reason)
	require.GreaterOrEqual(t, *j.ExecutionTime, 2.0)
	require.Less(t, *j.ExecutionTime, 15.0, "the time did not begin anew")
	require.Empty(t, r.alive())
	after := r.submit("ok", nil)
	require.Equal(t, job.Completed, r.ended(after.ID).Status, "the slots are free again")
}

// silent is a store that takes no reports for a while.
type silent struct {
	worker.Store
	away atomic.Bool
}

var errAway = errors.New("the store is away")

func (s *silent) Report(ctx context.Context, ref job.Ref, o job.Outcome, last store.Advance) (job.Job, error) {
	if s.away.Load() {
		return job.Job{}, errAway
	}
	return s.Store.Report(ctx, ref, o, last)
}

// An outcome that the store could not take is handed over with all that goes with it.
func TestAnOutcomeIsHandedOver(t *testing.T) {
	r := newRig(t)
	away := &silent{Store: r.db}
	away.away.Store(true)
	r.store = away
	s := newShift(t, r)
	j := r.submit("fail", nil)
	outcome := filepath.Join(r.runs.Attempt(j.ID, 1).Path, "outcome.json")
	require.Eventually(t, func() bool { _, err := os.Stat(outcome); return err == nil }, 30*time.Second, 5*time.Millisecond)
	handed := s.over()
	require.Len(t, handed.Attempts, 1)
	require.Equal(t, job.Running, r.get(j.ID).Status)
	away.away.Store(false)
	j = r.ended(j.ID)
	require.Equal(t, job.PipelineError, j.Reason)
	nodes, err := r.db.Nodes(t.Context(), j.ID, 1)
	require.NoError(t, err)
	require.Len(t, nodes, 1)
}

// A claim whose answer was lost is given back by the next worker.
func TestAForgottenClaimIsGivenBack(t *testing.T) {
	r := newRig(t)
	r.opts.Projects[0].Python = filepath.Join(r.dir, "python")
	s := newShift(t, r)
	handed, err := s.w.HandOver(func() error { _, err := s.exec.Freeze(t.Context()); return err })
	require.NoError(t, err)
	require.NoError(t, <-s.done)
	s.exec.Thaw()
	j := r.submit("ok", nil)
	claimed, err := r.db.Claim(t.Context(), store.Claim{Worker: r.opts.Self.ID, Limit: 1, Projects: []string{"proj"}})
	require.NoError(t, err)
	require.Len(t, claimed, 1)
	s.work(&handed)
	j = r.ended(j.ID)
	require.Equal(t, job.Completed, j.Status)
	require.Equal(t, 2, j.Attempt)
}

// A drain under way goes on, and nothing is claimed by a worker that hands over.
func TestHandOverClaimsNothing(t *testing.T) {
	r := newRig(t)
	s := newShift(t, r)
	begun := r.submit("sleep", nil)
	r.begun(begun.ID, 1)
	var waiting job.Job
	handed, err := s.w.HandOver(func() error {
		waiting = r.submit("ok", nil)
		_, err := s.exec.Freeze(t.Context())
		return err
	})
	require.NoError(t, err)
	require.NoError(t, <-s.done)
	require.Len(t, handed.Attempts, 1)
	require.Equal(t, job.Pending, r.get(waiting.ID).Status)
	s.exec.Thaw()
	s.work(&handed)
	require.Equal(t, job.Completed, r.ended(waiting.ID).Status)
	_, err = r.db.Update(t.Context(), begun.ID, func(j *job.Job) error { j.RequestCancel(time.Now()); return nil })
	require.NoError(t, err)
	require.Equal(t, job.Cancelled, r.ended(begun.ID).Status)
	log, err := os.ReadFile(r.runs.Attempt(begun.ID, 1).Log())
	require.NoError(t, err)
	require.Empty(t, strings.TrimSpace(string(log)))
}
