package e2e

import (
	"math/rand/v2"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
)

// TestKillMinus9InTheMiddleOfARun: the run ends with its server, its children
// included, and the job is run once more. If the guard is killed too, the run goes on
// until the next server ends it.
func TestKillMinus9InTheMiddleOfARun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name                    string
		restartAtOnce, guardToo bool
	}{{"its guard has time", false, false}, {"a restart at once", true, false}, {"its guard too", true, true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path, gate := filepath.Join(t.TempDir(), "diary"), filepath.Join(t.TempDir(), "gate")
			s := serve(t, setup{projects: []string{project(t, "witness")}, data: filepath.Join(t.TempDir(), "data")})
			job, worker := deafRun(t, s, path, gate, nil)

			if c.guardToo {
				guard := guardOf(t, worker)
				require.NoError(t, syscall.Kill(guard, syscall.SIGSTOP)) // else it might be quicker than its own end
				s.signal(t, syscall.SIGKILL)
				eventually(t, "the server is dead", func() bool { return zombie(s.PID) })
				require.NoError(t, syscall.Kill(guard, syscall.SIGKILL))
				s.wait(t)
				require.GreaterOrEqual(t, len(marked(t, worker)), 4, "nobody is left to end them")
			} else {
				s.crash(t)
			}
			restarted := time.Now()
			if !c.restartAtOnce {
				killed := time.Now()
				eventually(t, "no process of the run lives", func() bool { return len(marked(t, worker)) == 0 })
				t.Logf("all of the run was gone %s after its server", time.Since(killed).Round(time.Millisecond))
			}
			s = s.again(t)
			require.Empty(t, marked(t, worker), "a server that listens has ended what the last one left")
			eventually(t, "the second attempt has begun", func() bool { return count(diary(t, path), "start", job, 2) == 1 })
			t.Logf("the second attempt began %s after the restart, the interpreter's start included", time.Since(restarted).Round(time.Millisecond))
			locks, err := filepath.Glob(filepath.Join(s.Data, "workers", "*.lock"))
			require.NoError(t, err)
			require.Len(t, locks, 1, "the dead worker's lock is settled")
			touch(t, gate)
			ended := s.end(t, job)

			require.Equal(t, "completed", ended.Status, explain(ended))
			require.Equal(t, 2, ended.Attempt)
			require.Zero(t, ended.Tries, "a recovery is no try, and neither is a run that succeeds")
			require.Empty(t, marked(t, s.worker(t)), "a job has ended only when all its processes have")
			require.Len(t, ended.Warnings, 1, "children that outlived the run are told")
			attempts := s.attempts(t, job)
			require.Len(t, attempts, 2)
			require.Equal(t, []string{"lost", "completed"}, []string{attempts[0].Status, attempts[1].Status})
			all := diary(t, path)
			require.Equal(t, 2, count(all, "start", job, 0))
			require.Equal(t, 1, count(all, "end", job, 0))
			requireNoOverlap(t, all)
		})
	}
}

// TestWhatIsNotRunAgain: recoveries have a bound, and who asked for the end gets it.
func TestWhatIsNotRunAgain(t *testing.T) {
	t.Parallel()
	path, gate := filepath.Join(t.TempDir(), "diary"), filepath.Join(t.TempDir(), "gate")
	s := serve(t, setup{projects: []string{project(t, "witness")}, data: filepath.Join(t.TempDir(), "data"),
		args: []string{"--concurrency", "2", "--stop-grace-int", "60s"}})
	bounded, _ := deafRun(t, s, path, gate, params{"max_recoveries": 0})
	cancelled, _ := deafRun(t, s, path, gate, nil)
	_, err := s.Cancel(within(t), cancelled)
	require.NoError(t, err)
	require.Equal(t, "running", s.job(t, cancelled).Status)
	s.crash(t)
	s = s.again(t)

	job := s.end(t, bounded)
	require.Equal(t, "failed", job.Status)
	require.Equal(t, "worker_lost", text(job.Reason))
	require.NotEmpty(t, text(job.ErrorMessage))
	require.Equal(t, "cancelled", s.end(t, cancelled).Status)
	for _, id := range []string{bounded, cancelled} {
		require.Len(t, s.attempts(t, id), 1)
		require.Equal(t, 1, count(diary(t, path), "start", id, 0))
	}
}

// TestKillMinus9AtAnyMoment kills the server again and again while short jobs go
// through it, at random moments and right after runs have ended.
func TestKillMinus9AtAnyMoment(t *testing.T) {
	t.Parallel()
	const jobs, kills = 12, 6
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	path := filepath.Join(t.TempDir(), "diary")
	s := serve(t, setup{projects: []string{project(t, "witness")}, data: filepath.Join(t.TempDir(), "data"), args: []string{"--concurrency", "2"}})
	var ids []string
	for range jobs {
		status, answer := s.call(t, "POST", "/api/v1/jobs", string(asJSON(t, params{
			"pipeline_name": "diary", "parameters": params{"path": path}, "max_recoveries": kills + 1,
		})))
		require.Equal(t, 201, status, answer)
		ids = append(ids, decode(t, answer).(map[string]any)["id"].(string))
	}
	for i := range kills {
		ends := count(diary(t, path), "end", "", 0)
		if i%2 == 0 { // soon after a run's last words: around its exit, its outcome on disk, the report
			eventually(t, "a run has written its end", func() bool {
				return count(diary(t, path), "end", "", 0) > ends
			})
			<-time.After(time.Duration(random.IntN(250)) * time.Millisecond) // the moment of the fault
		} else {
			<-time.After(time.Duration(random.IntN(1000)) * time.Millisecond)
		}
		s.crash(t)
		s = s.again(t)
	}
	recovered := 0
	for _, id := range ids {
		job := s.end(t, id)
		require.Equal(t, "completed", job.Status, explain(job))
		attempts := s.attempts(t, id)
		require.Len(t, attempts, job.Attempt)
		for n, a := range attempts {
			require.Equal(t, n+1, a.Attempt)
			want := "lost"
			if n == len(attempts)-1 {
				want = "completed"
			}
			require.Equal(t, want, a.Status, "job %s, attempt %d of %d", id, a.Attempt, len(attempts))
			starts := count(diary(t, path), "start", id, a.Attempt)
			require.LessOrEqual(t, starts, 1, "an attempt is one run")
			if want == "completed" {
				require.Equal(t, 1, starts)
				require.Equal(t, 1, count(diary(t, path), "end", id, a.Attempt))
			}
		}
		recovered += len(attempts) - 1
	}
	all := diary(t, path)
	requireNoOverlap(t, all)
	t.Logf("%d jobs, %d kills: %d recoveries, %d runs began, %d came to their end", jobs, kills, recovered, count(all, "start", "", 0), count(all, "end", "", 0))
	for job, err := range s.AllJobs(within(t), client.ListFilter{}) {
		require.NoError(t, err)
		require.Contains(t, ids, job.ID, "no job came into being by itself")
	}
}

// TestAcceptedMeansOnDisk kills the server while submissions rush in. Every one that
// was answered is there afterwards.
func TestAcceptedMeansOnDisk(t *testing.T) {
	t.Parallel()
	s := serve(t, setup{projects: []string{project(t, "minimal")}, data: filepath.Join(t.TempDir(), "data"), args: []string{"--no-worker"}})
	var (
		mu       sync.Mutex
		accepted []string
		senders  sync.WaitGroup
	)
	first := s.submit(t, "sum", nil)
	for range 8 {
		senders.Go(func() {
			later := 86400.0
			for {
				job, err := s.Submit(t.Context(), client.Submission{PipelineName: "sum", DelaySeconds: &later}, client.SubmitOptions{})
				if err != nil {
					return // the server is gone
				}
				mu.Lock()
				accepted = append(accepted, job.ID)
				mu.Unlock()
			}
		})
	}
	eventually(t, "submissions go through", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(accepted) >= 50
	})
	s.crash(t)
	senders.Wait()

	s.setup.args = nil
	s = s.again(t)
	there := map[string]bool{}
	for job, err := range s.AllJobs(within(t), client.ListFilter{Limit: 500}) {
		require.NoError(t, err)
		there[job.ID] = true
	}
	for _, id := range accepted {
		require.True(t, there[id], "job %s was answered with 201 and is gone", id)
	}
	job := s.end(t, first.ID)
	require.Equal(t, "completed", job.Status, explain(job))
	require.Equal(t, 1, job.Attempt)
	t.Logf("%d were answered, %d are there", len(accepted)+1, len(there))
}
