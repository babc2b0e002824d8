package e2e

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// worker gives the id of the server's own worker.
func (s *server) worker(t *testing.T) string {
	t.Helper()
	id := ""
	eventually(t, "a worker has the server's pid", func() bool {
		all, err := s.Workers(t.Context())
		for _, w := range all {
			if err == nil && w.PID == s.PID && w.Status != "stopped" && w.Status != "lost" {
				id = w.ID
			}
		}
		return id != ""
	})
	return id
}

// guardOf finds a worker's guard.
func guardOf(t *testing.T, worker string) int {
	t.Helper()
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, path := range commands {
		command, err := os.ReadFile(path)
		if err == nil && bytes.HasSuffix(command, []byte("\x00__guard\x00"+worker+"\x00")) {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			require.NoError(t, err)
			return pid
		}
	}
	t.Fatalf("worker %s has no guard", worker)
	return 0
}

// marked gives the living processes that carry a worker's marker, as the process
// table shows them.
func marked(t *testing.T, worker string) []int {
	t.Helper()
	require.NotEmpty(t, worker)
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	require.NoError(t, err)
	var pids []int
	for _, path := range environs {
		env, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(env, []byte("KEDROD_MARKER="+worker+"/")) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil && !zombie(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// zombie reports whether a process is dead and only waits for its parent.
func zombie(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return true
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(after, "Z") || strings.HasPrefix(after, "X")
}

// entry is one line that a run of the project witness wrote.
type entry struct {
	word    string // start, end; beat: a child lives
	job     string
	attempt int
	pid     int
	at      int64 // nanoseconds of CLOCK_MONOTONIC, which all processes share
}

// diary reads the lines in the order in which they were written.
func diary(t *testing.T, path string) []entry {
	t.Helper()
	content, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	var all []entry
	for line := range strings.Lines(string(content)) {
		f := strings.Fields(line)
		require.Len(t, f, 5, line)
		e := entry{word: f[0], job: f[1]}
		e.attempt, err = strconv.Atoi(f[2])
		require.NoError(t, err)
		e.pid, err = strconv.Atoi(f[3])
		require.NoError(t, err)
		e.at, err = strconv.ParseInt(f[4], 10, 64)
		require.NoError(t, err)
		all = append(all, e)
	}
	return all
}

// count is how many lines of a diary say this of an attempt; attempt 0 means any, and
// so does job "".
func count(all []entry, word, job string, attempt int) int {
	n := 0
	for _, e := range all {
		if e.word == word && (job == "" || e.job == job) && (attempt == 0 || e.attempt == attempt) {
			n++
		}
	}
	return n
}

// requireNoOverlap fails if a process of one attempt of a job still lived when
// another attempt had begun.
func requireNoOverlap(t *testing.T, all []entry) {
	t.Helper()
	latest := map[string]int{}
	begun := map[string]int64{} // when the latest attempt wrote its first line
	for _, e := range all {
		if e.attempt > latest[e.job] {
			latest[e.job], begun[e.job] = e.attempt, e.at
		}
		require.GreaterOrEqual(t, e.attempt, latest[e.job], "job %s: pid %d of attempt %d lived %d ns after attempt %d had begun",
			e.job, e.pid, e.attempt, e.at-begun[e.job], latest[e.job])
	}
}

// deafRun submits a run that ignores INT and TERM, with three children that do too, two
// of them in sessions of their own, and waits until all four live.
func deafRun(t *testing.T, s *server, path, gate string, more params) (job, worker string) {
	t.Helper()
	job, worker, live := tryDeafRun(t, s, path, gate, more)
	require.True(t, live, "the job has ended: %s", explain(s.job(t, job)))
	require.GreaterOrEqual(t, len(marked(t, worker)), 4)
	return job, worker
}

// tryDeafRun is the same for a run that may end before its children live, as by a
// timeout on a busy machine.
func tryDeafRun(t *testing.T, s *server, path, gate string, more params) (job, worker string, live bool) {
	t.Helper()
	body := params{"pipeline_name": "deaf", "parameters": params{"path": path, "gate": gate}}
	maps.Copy(body, more)
	status, answer := s.call(t, "POST", "/api/v1/jobs", string(asJSON(t, body)))
	require.Equal(t, 201, status, answer)
	job = decode(t, answer).(map[string]any)["id"].(string)
	worker = s.worker(t)
	eventually(t, "the run and its children live", func() bool {
		pids := map[int]bool{}
		for _, e := range diary(t, path) {
			if e.job == job {
				pids[e.pid] = true
			}
		}
		live = len(pids) == 4
		return live || s.job(t, job).Ended()
	})
	return job, worker, live
}
