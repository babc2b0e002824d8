package rundir_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/rundir"
)

func TestFoldersStayBelowTheRoot(t *testing.T) {
	root := rundir.New("/data/runs")
	seen := map[string]string{}
	for _, id := range []string{"01abc7f0", "..", ".", "../../etc", "a/b", "a%2Fb", "", "ü", strings.Repeat("x", 300), strings.Repeat("y", 300), "a b\n"} {
		dir := root.Attempt(id, 1).Path
		rel, err := filepath.Rel("/data/runs", dir)
		require.NoError(t, err)
		parts := strings.Split(rel, "/")
		require.Len(t, parts, 2, "%q", id)
		require.NotContains(t, parts, "..", "%q", id)
		require.Empty(t, seen[dir], "%q and %q share a folder", id, seen[dir])
		seen[dir] = "id " + id
	}
	require.Equal(t, "/data/runs/f0/01abc7f0.2", root.Attempt("01abc7f0", 2).Path)
}

func TestOutcomeIsReadBackOrAbsent(t *testing.T) {
	d := rundir.New(t.TempDir()).Attempt("0193", 1)
	_, ok, err := d.ReadOutcome()
	require.NoError(t, err)
	require.False(t, ok)

	code := 3
	want := rundir.Record{
		Ref: job.Ref{JobID: "0193", Attempt: 1, Worker: "w"},
		Outcome: job.Outcome{Status: job.Failed, Reason: job.PipelineError, Message: "ValueError: x", ExitCode: &code,
			EndedAt: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), ExecutionTime: 1.5},
	}
	require.NoError(t, d.WriteOutcome(want), "the folder of an attempt that never started is made")
	got, ok, err := d.ReadOutcome()
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, want, got)

	require.NoError(t, os.WriteFile(filepath.Join(d.Path, "outcome.json"), []byte(`{"Ref":`), 0o600))
	_, _, err = d.ReadOutcome()
	require.ErrorContains(t, err, "outcome in "+d.Path)
}
