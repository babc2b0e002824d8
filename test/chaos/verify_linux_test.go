package chaos

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
)

// settle waits until every accepted job has ended.
func (w *world) settle() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*patience)
	defer cancel()
	for w.open() > 0 {
		if err := w.look(ctx); err != nil {
			w.mu.Lock()
			left := []string{}
			for id := range w.accepted {
				if _, done := w.ended[id]; !done && len(left) < 5 {
					left = append(left, id)
				}
			}
			w.mu.Unlock()
			require.NoError(w.t, err, "%d jobs have not ended, such as %v", w.open(), left)
		}
		hold(ctx, 50*time.Millisecond)
	}
}

// verify holds what is there against what must be.
func (w *world) verify() {
	t := w.t
	t.Helper()
	counts := map[string]int{}
	for id, was := range w.ended {
		now, err := w.job(t.Context(), id)
		require.NoError(t, err)
		assert.Equal(t, was.Status, now.Status, "an end changed: %s", id)
		assert.Equal(t, was.CompletedAt, now.CompletedAt, "an end changed: %s", id)
		counts[outcome(now)]++
		if now.Status == "completed" {
			w.verifyLog(now)
		}
	}
	t.Logf("%d jobs were accepted and ended: %v", len(w.ended), counts)
	assert.Equal(t, len(w.accepted), w.countAll(), "there are jobs that nobody submitted, or some are gone")

	journal, err := os.ReadFile(filepath.Join(w.dir, "journal"))
	require.NoError(t, err)
	ends := map[string]int{}
	attempts := map[string]bool{}
	runs := 0
	for line := range strings.Lines(string(journal)) {
		f := strings.Fields(line)
		require.GreaterOrEqual(t, len(f), 5, "the journal: %q", line)
		switch what := f[4]; what {
		case "overlap:", "over:":
			t.Errorf("%s", line)
		case "start":
			runs++
			assert.False(t, attempts[f[1]+"."+f[2]], "an attempt has two runs: %s", line)
			attempts[f[1]+"."+f[2]] = true
		case "end":
			ends[f[1]+" "+f[5]]++
		}
	}
	for id, j := range w.ended {
		if j.Status == "completed" {
			// A run whose end was not heard of is run again; that is a recovery.
			assert.GreaterOrEqual(t, ends[id+" 0"], 1, "%s completed and no run of it came to its end", id)
		}
	}
	t.Logf("%d runs", runs)
}

// outcome is a job's status with its reason.
func outcome(j client.Job) string {
	if j.Reason != nil {
		return j.Status + " " + *j.Reason
	}
	return j.Status
}

// verifyLog holds a completed job's log against the lines that its run wrote.
func (w *world) verifyLog(j client.Job) {
	status, log, err := w.call(w.t.Context(), http.MethodGet, "/api/v1/jobs/"+j.ID+"/logs", nil, nil)
	require.NoError(w.t, err)
	require.Equal(w.t, http.StatusOK, status, "%s", log)
	n, want := 0, w.accepted[j.ID].Lines
	for line := range strings.Lines(string(log)) {
		if strings.HasPrefix(line, fmt.Sprintf("%s.%d line %d of %d ", j.ID, j.Attempt, n, want)) {
			n++
		}
	}
	assert.Equal(w.t, want, n, "lines in the log of %s:\n%s", j.ID, log)
}

// countAll counts the jobs that are in the record.
func (w *world) countAll() int {
	api, err := client.New(w.serves[0].base, client.Config{})
	require.NoError(w.t, err)
	n := 0
	for _, err := range api.AllJobs(w.t.Context(), client.ListFilter{Limit: 500}) {
		require.NoError(w.t, err)
		n++
	}
	return n
}

// verifyGone asks that nothing is left once all nodes have ended.
func (w *world) verifyGone() {
	w.t.Helper()
	for _, n := range append(w.serves, w.workers...) {
		n.end(w.t)
	}
	assert.Empty(w.t, marked(w.marker()), "processes are left")
}
