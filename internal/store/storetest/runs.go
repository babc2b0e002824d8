package storetest

import (
	"encoding/json"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

func (s *suite) advance() {
	run, ref := s.running("w", nil)
	started := job.Truncate(s.clock.Now().Add(5 * time.Millisecond))
	node := func(name, status string) job.Node { return job.Node{Name: name, Status: status} }
	require.NoError(s.t, s.Advance(s.ctx(), ref, store.Advance{
		StartedAt: &started, Start: "cold", Progress: &job.Progress{Total: 2, Running: []string{"a"}},
		Nodes:  []store.NodeAt{{Position: 1, Node: node("b", "pending")}, {Position: 0, Node: node("a", "running")}},
		Events: []job.Event{{JobID: run.ID, Attempt: 1, Type: job.EventNode, At: started, Data: json.RawMessage(`{"name":"a"}`)}},
	}))
	got := s.get(run.ID)
	require.Equal(s.t, started, *got.StartedAt)
	require.Equal(s.t, "cold", got.Start)
	require.Equal(s.t, &job.Progress{Total: 2, Running: []string{"a"}}, got.Progress)

	done := node("a", "completed")
	done.StartedAt, done.CompletedAt, done.Seconds = &started, &started, ptr(0.25)
	require.NoError(s.t, s.Advance(s.ctx(), ref, store.Advance{Nodes: []store.NodeAt{{Position: 0, Node: done}}}))
	nodes, err := s.Nodes(s.ctx(), run.ID, 1)
	require.NoError(s.t, err)
	require.Equal(s.t, []job.Node{done, node("b", "pending")}, nodes)
	require.Equal(s.t, got.Progress, s.get(run.ID).Progress, "what is not told stays")
	nodes, err = s.Nodes(s.ctx(), run.ID, 2)
	require.NoError(s.t, err)
	require.Empty(s.t, nodes)
}

func (s *suite) report() {
	run, ref := s.running("w", nil)
	o := s.completed()
	o.StartedAt, o.ExitCode, o.Warnings = ptr(s.clock.Now()), ptr(0), []string{"careful"}
	s.clock.Add(time.Second)
	got, err := s.Report(s.ctx(), ref, o, store.Advance{
		Nodes:  []store.NodeAt{{Node: job.Node{Name: "a", Status: "completed"}}},
		Events: []job.Event{{JobID: run.ID, Attempt: 1, Type: job.EventProgress, At: s.clock.Now(), Data: json.RawMessage(`{"done":2}`)}},
	})
	require.NoError(s.t, err)
	require.Equal(s.t, got, s.get(run.ID))
	require.Equal(s.t, job.Completed, got.Status)
	require.Equal(s.t, ptr(1.5), got.ExecutionTime)
	require.JSONEq(s.t, `{"outputs":[]}`, string(got.Results))
	require.Equal(s.t, o.EndedAt, *got.CompletedAt)
	require.Equal(s.t, []string{"careful"}, got.Warnings)

	attempts, err := s.Attempts(s.ctx(), run.ID)
	require.NoError(s.t, err)
	require.Equal(s.t, []job.Attempt{{
		JobID: run.ID, Number: 1, Worker: "w", Status: job.Completed, ExitCode: ptr(0), Start: "cold",
		ClaimedAt: *run.StartedAt, StartedAt: o.StartedAt, EndedAt: &o.EndedAt, ExecutionTime: ptr(1.5),
	}}, attempts)
	nodes, err := s.Nodes(s.ctx(), run.ID, 1)
	require.NoError(s.t, err)
	require.Len(s.t, nodes, 1)

	events, err := s.Events(s.ctx(), run.ID, 0, 100)
	require.NoError(s.t, err)
	again, err := s.Report(s.ctx(), ref, o, store.Advance{Events: []job.Event{
		{JobID: run.ID, Attempt: 1, Type: job.EventProgress, At: s.clock.Now(), Data: json.RawMessage(`{}`)},
	}})
	require.NoError(s.t, err, "a repeated report succeeds")
	require.Equal(s.t, got, again)
	after, err := s.Events(s.ctx(), run.ID, 0, 100)
	require.NoError(s.t, err)
	require.Equal(s.t, events, after, "and tells nothing twice")
}

func (s *suite) retry() {
	run, ref := s.running("w", func(j *job.Job) { j.Queue.MaxAttempts = 2 })
	o := s.failed(job.PipelineError)
	o.ExitCode = ptr(1)
	got, err := s.Report(s.ctx(), ref, o, store.Advance{})
	require.NoError(s.t, err)
	require.Equal(s.t, job.Pending, got.Status)
	require.Equal(s.t, s.clock.Now().Add(5*time.Second), *got.NextTryAt)
	require.Empty(s.t, s.claim("w", 1))
	next, err := s.NextReady(s.ctx())
	require.NoError(s.t, err)
	require.Equal(s.t, *got.NextTryAt, *next)
	s.clock.Add(5 * time.Second)
	jobs := s.claim("w", 1)
	require.Len(s.t, jobs, 1)
	require.Equal(s.t, 2, jobs[0].Attempt)
	require.Nil(s.t, jobs[0].NextTryAt)
	got, err = s.Report(s.ctx(), refOf(jobs[0]), o, store.Advance{})
	require.NoError(s.t, err)
	require.Equal(s.t, job.Failed, got.Status)
	require.Equal(s.t, 2, got.Tries)
	attempts, err := s.Attempts(s.ctx(), run.ID)
	require.NoError(s.t, err)
	require.Len(s.t, attempts, 2)
	for _, a := range attempts {
		require.Equal(s.t, job.PipelineError, a.Reason)
		require.Equal(s.t, "why", *a.ErrorMessage)
		require.Equal(s.t, 1, *a.ExitCode)
	}
}

func (s *suite) fencing() {
	run, ref := s.running("w", nil)
	before, err := s.Events(s.ctx(), run.ID, 0, 100)
	require.NoError(s.t, err)
	for _, wrong := range []job.Ref{
		{JobID: run.ID, Attempt: 2, Worker: "w"}, {JobID: run.ID, Attempt: 1, Worker: "other"}, {JobID: run.ID},
	} {
		_, err := s.Report(s.ctx(), wrong, s.completed(), store.Advance{Nodes: []store.NodeAt{{Node: job.Node{Name: "a", Status: "x"}}}})
		require.ErrorIs(s.t, err, job.ErrFenced)
		require.ErrorIs(s.t, s.Advance(s.ctx(), wrong, store.Advance{Start: "warm"}), job.ErrFenced)
		_, err = s.GiveBack(s.ctx(), wrong)
		require.ErrorIs(s.t, err, job.ErrFenced)
	}
	require.Equal(s.t, run, s.get(run.ID))
	nodes, err := s.Nodes(s.ctx(), run.ID, 1)
	require.NoError(s.t, err)
	require.Empty(s.t, nodes)
	events, err := s.Events(s.ctx(), run.ID, 0, 100)
	require.NoError(s.t, err)
	require.Equal(s.t, before, events)
	_, err = s.Report(s.ctx(), ref, s.completed(), store.Advance{})
	require.NoError(s.t, err)
}

func (s *suite) giveBack() {
	run, ref := s.running("w", nil)
	queue, off := s.Subscribe(store.TopicQueue)
	defer off()
	got, err := s.GiveBack(s.ctx(), ref)
	require.NoError(s.t, err)
	require.Equal(s.t, job.Pending, got.Status)
	s.woken(queue)
	attempts, err := s.Attempts(s.ctx(), run.ID)
	require.NoError(s.t, err)
	require.Equal(s.t, job.AttemptReturned, attempts[0].Status)
	jobs := s.claim("w2", 5)
	require.Len(s.t, jobs, 1)
	require.Equal(s.t, 2, jobs[0].Attempt)
	require.Zero(s.t, jobs[0].Tries+jobs[0].Recoveries)
}

func (s *suite) loseWorker() {
	one, ref := s.running("w", nil)
	require.NoError(s.t, s.Advance(s.ctx(), ref, store.Advance{Nodes: []store.NodeAt{
		{Position: 0, Node: job.Node{Name: "a", Status: "completed"}}, {Position: 1, Node: job.Node{Name: "b", Status: "running"}},
		{Position: 2, Node: job.Node{Name: "c", Status: "pending"}},
	}}))
	hopeless, _ := s.running("w", func(j *job.Job) { j.Queue.MaxRecoveries = 0 })
	cancelled, _ := s.running("w", nil)
	_, err := s.Update(s.ctx(), cancelled.ID, func(j *job.Job) error { j.RequestCancel(s.clock.Now()); return nil })
	require.NoError(s.t, err)
	other, _ := s.running("w2", nil)
	held, err := s.Held(s.ctx())
	require.NoError(s.t, err)
	require.Len(s.t, held, 4)

	lost, err := s.LoseWorker(s.ctx(), "w")
	require.NoError(s.t, err)
	require.Len(s.t, lost, 3)
	require.Equal(s.t, job.Pending, s.get(one.ID).Status)
	require.Equal(s.t, job.WorkerLost, s.get(hopeless.ID).Reason)
	require.Equal(s.t, job.Cancelled, s.get(cancelled.ID).Status)
	require.Equal(s.t, job.Running, s.get(other.ID).Status)
	attempts, err := s.Attempts(s.ctx(), one.ID)
	require.NoError(s.t, err)
	require.Equal(s.t, job.AttemptLost, attempts[0].Status)
	nodes, err := s.Nodes(s.ctx(), one.ID, 1)
	require.NoError(s.t, err)
	require.Equal(s.t, []string{"completed", "cancelled", "skipped"}, []string{nodes[0].Status, nodes[1].Status, nodes[2].Status})

	_, err = s.Report(s.ctx(), ref, s.completed(), store.Advance{})
	require.NoError(s.t, err, "a late report counts until the next claim")
	require.Equal(s.t, job.Completed, s.get(one.ID).Status)
	again, err := s.LoseWorker(s.ctx(), "w")
	require.NoError(s.t, err)
	require.Empty(s.t, again)
}

func (s *suite) events() {
	first := s.submit(nil)
	second := s.submit(nil)
	for _, j := range s.claim("w", 2) {
		_, err := s.Report(s.ctx(), refOf(j), s.completed(), store.Advance{})
		require.NoError(s.t, err)
	}
	one, err := s.Events(s.ctx(), first.ID, 0, 100)
	require.NoError(s.t, err)
	var types []job.EventType
	var states []string
	for _, e := range one {
		types = append(types, e.Type)
		var d struct{ Status string }
		require.NoError(s.t, json.Unmarshal(e.Data, &d))
		states = append(states, d.Status)
		require.Equal(s.t, first.ID, e.JobID)
	}
	require.Equal(s.t, []job.EventType{job.EventStatus, job.EventStatus, job.EventStatus, job.EventEnd}, types)
	require.Equal(s.t, []string{"pending", "running", "completed", "completed"}, states)

	all, err := s.Events(s.ctx(), "", 0, 100)
	require.NoError(s.t, err)
	require.Len(s.t, all, 8)
	last, err := s.LastEvent(s.ctx())
	require.NoError(s.t, err)
	require.Equal(s.t, all[7].Seq, last)
	for i := 1; i < len(all); i++ {
		require.Greater(s.t, all[i].Seq, all[i-1].Seq)
	}
	rest, err := s.Events(s.ctx(), "", all[2].Seq, 3)
	require.NoError(s.t, err)
	require.Equal(s.t, all[3:6], rest)
	rest, err = s.Events(s.ctx(), second.ID, last, 10)
	require.NoError(s.t, err)
	require.Empty(s.t, rest)
}

func (s *suite) workers() {
	w := store.Worker{
		ID: "w", Host: "h", PID: 7, Version: "1", State: store.WorkerReady, Slots: 2, Projects: []string{"proj"}, Labels: map[string]string{"gpu": "a"},
		StartedAt: job.Truncate(s.clock.Now()),
	}
	require.NoError(s.t, s.SaveWorker(s.ctx(), w))
	run, _ := s.running("w", nil)
	s.clock.Add(time.Minute)
	w.State, w.Version, w.Lease = store.WorkerDraining, "2", time.Minute // after an upgrade in place
	require.NoError(s.t, s.SaveWorker(s.ctx(), w))
	list, err := s.Workers(s.ctx(), s.clock.Now())
	require.NoError(s.t, err)
	want := w
	want.SeenAt, want.Running = s.clock.Now(), []string{run.ID}
	require.Equal(s.t, []store.Worker{want}, list)

	_, err = s.LoseWorker(s.ctx(), "w")
	require.NoError(s.t, err)
	require.Empty(s.t, s.claim("w", 1), "who is lost is given nothing")
	require.Len(s.t, s.claim("another", 1), 1)
	s.clock.Add(time.Hour)
	list, err = s.Workers(s.ctx(), s.clock.Now())
	require.NoError(s.t, err)
	require.Empty(s.t, list, "one that ended long ago")
	list, err = s.Workers(s.ctx(), s.clock.Now().Add(-2*time.Hour))
	require.NoError(s.t, err)
	require.Len(s.t, list, 1)
	require.Equal(s.t, store.WorkerLost, list[0].State)
}
