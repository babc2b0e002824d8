package job_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kedrod/kedrod/internal/job"
)

// model is the drawing in docs/state-machine.md, told a second time and otherwise: a
// table of what each event does in each state, without the job's fields.
type model struct {
	status     job.Status
	attempt    int
	worker     string
	heard      string // outcome of the attempt; "" while none
	tries      int
	recoveries int
	cancel     bool

	maxTries, maxRecoveries int
}

func (m *model) terminal() bool {
	return m.status != job.Pending && m.status != job.Running
}

func (m *model) claim(worker string) bool {
	if m.status != job.Pending {
		return false
	}
	m.status, m.worker, m.heard = job.Running, worker, ""
	m.attempt++
	return true
}

func (m *model) report(ref job.Ref, o job.Outcome) bool {
	if ref.Attempt != m.attempt || ref.Worker != m.worker || m.attempt == 0 {
		return false
	}
	key := fmt.Sprint(o.Status, o.Reason)
	if m.heard != "" {
		return m.heard == key
	}
	if m.terminal() {
		return false
	}
	m.heard = key
	own := o.Status == job.Failed && o.Reason != job.PipelineNotFound && o.Reason != job.InvalidOptions && o.Reason != job.StuckProcess
	if own {
		m.tries++
	}
	switch {
	case own && m.tries < m.maxTries && m.cancel:
		m.status = job.Cancelled
	case own && m.tries < m.maxTries:
		m.status = job.Pending
	default:
		m.status = o.Status
	}
	return true
}

func (m *model) lose(worker string) bool {
	if m.status != job.Running || m.worker != worker {
		return false
	}
	switch {
	case m.cancel:
		m.status = job.Cancelled
	case m.recoveries < m.maxRecoveries:
		m.status = job.Pending
		m.recoveries++
	default:
		m.status = job.Failed
	}
	return true
}

func (m *model) abandon(ref job.Ref) bool {
	return ref.Attempt == m.attempt && ref.Worker == m.worker && m.lose(ref.Worker)
}

func (m *model) assert(ref job.Ref) bool {
	if m.status == job.Running {
		return ref.Attempt == m.attempt && ref.Worker == m.worker
	}
	return ref.Attempt == m.attempt+1 && m.claim(ref.Worker)
}

func (m *model) giveBack(ref job.Ref) bool {
	if m.status != job.Running || ref.Attempt != m.attempt || ref.Worker != m.worker {
		return false
	}
	m.heard, m.status = "given back", job.Pending
	if m.cancel {
		m.status = job.Cancelled
	}
	return true
}

func (m *model) askCancel() bool {
	switch {
	case m.status == job.Pending:
		m.status, m.cancel = job.Cancelled, true
		return true
	case m.status == job.Running && !m.cancel:
		m.cancel = true
		return true
	}
	return false
}

// TestStateMachineAgainstModel drives a job by random events, from workers old and
// new, and compares every answer and state with the model's. The invariants stand at
// its end.
func TestStateMachineAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := model{
			status:        job.Pending,
			maxTries:      rapid.IntRange(1, 3).Draw(t, "max_attempts"),
			maxRecoveries: rapid.IntRange(0, 2).Draw(t, "max_recoveries"),
		}
		j := pending(func(j *job.Job) { j.Queue.MaxAttempts, j.Queue.MaxRecoveries = m.maxTries, m.maxRecoveries })
		now := at(1)
		workers := rapid.SampledFrom([]string{"a", "b"})
		ref := rapid.Custom(func(t *rapid.T) job.Ref {
			return job.Ref{JobID: "j", Attempt: rapid.IntRange(max(0, j.Attempt-1), j.Attempt+1).Draw(t, "attempt"), Worker: workers.Draw(t, "worker")}
		})
		outcome := rapid.SampledFrom([]job.Outcome{
			{Status: job.Completed}, {Status: job.Cancelled},
			{Status: job.Failed, Reason: job.PipelineError}, {Status: job.Failed, Reason: job.Timeout},
			{Status: job.Failed, Reason: job.InvalidOptions}, {Status: job.Failed, Reason: job.StuckProcess},
		})
		t.Repeat(map[string]func(*rapid.T){
			"claim": func(t *rapid.T) {
				w := workers.Draw(t, "worker")
				_, err := j.Claim(w, now)
				require.Equal(t, m.claim(w), err == nil)
			},
			"report": func(t *rapid.T) {
				r, o := ref.Draw(t, "ref"), outcome.Draw(t, "outcome")
				o.EndedAt = now
				require.Equal(t, m.report(r, o), j.Report(r, o, now, 0) == nil)
			},
			"lose": func(t *rapid.T) {
				w := workers.Draw(t, "worker")
				require.Equal(t, m.lose(w), j.Lose(w, now))
			},
			"abandon": func(t *rapid.T) {
				r := ref.Draw(t, "ref")
				require.Equal(t, m.abandon(r), j.Abandon(r, now) == nil)
			},
			"assert": func(t *rapid.T) {
				r := ref.Draw(t, "ref")
				a, err := j.Assert(r, now)
				require.Equal(t, m.assert(r), err == nil)
				if err == nil {
					require.Equal(t, job.Attempt{JobID: "j", Number: j.Attempt, Worker: j.Worker, Status: job.Running, ClaimedAt: *j.StartedAt}, a)
				}
			},
			"give back": func(t *rapid.T) {
				r := ref.Draw(t, "ref")
				require.Equal(t, m.giveBack(r), j.GiveBack(r, now) == nil)
			},
			"cancel": func(t *rapid.T) { require.Equal(t, m.askCancel(), j.RequestCancel(now)) },
			"": func(t *rapid.T) {
				require.Equal(t, m.status, j.Status)
				require.Equal(t, m.attempt, j.Attempt)
				require.Equal(t, m.tries, j.Tries)
				require.Equal(t, m.recoveries, j.Recoveries)
				require.LessOrEqual(t, j.Tries, m.maxTries)
				require.LessOrEqual(t, j.Recoveries, m.maxRecoveries)
				require.Equal(t, j.Status.Terminal(), j.CompletedAt != nil)
				require.Equal(t, j.Status == job.Failed, j.Reason != "" && j.Status != job.Pending)
				now = now.Add(time.Hour) // past every back-off
			},
		})
	})
}

// TestTerminalNeverChanges is invariant 3, without a model: whatever comes after the
// end, the job stays equal to itself.
func TestTerminalNeverChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j := pending(nil)
		_, err := j.Claim("w", at(1))
		require.NoError(t, err)
		end := rapid.SampledFrom([]job.Outcome{{Status: job.Completed}, {Status: job.Cancelled}, {Status: job.Failed, Reason: job.Killed}}).Draw(t, "end")
		end.EndedAt = at(2)
		ref := job.Ref{JobID: "j", Attempt: 1, Worker: "w"}
		require.NoError(t, j.Report(ref, end, at(2), 0))
		before := j
		for range rapid.IntRange(1, 10).Draw(t, "events") {
			switch rapid.IntRange(0, 6).Draw(t, "event") {
			case 0:
				_, err := j.Claim("w2", at(9))
				require.Error(t, err)
			case 1:
				require.Error(t, j.Report(ref, job.Outcome{Status: job.Failed, Reason: job.Timeout}, at(9), 0))
			case 2:
				require.NoError(t, j.Report(ref, end, at(9), 0))
			case 3:
				require.False(t, j.Lose("w", at(9)))
			case 4:
				require.False(t, j.RequestCancel(at(9)))
			case 5:
				require.Error(t, j.GiveBack(ref, at(9)))
			case 6:
				require.Error(t, j.Advance(ref, nil, "warm", &job.Progress{}))
			}
			require.Equal(t, before, j)
		}
	})
}
