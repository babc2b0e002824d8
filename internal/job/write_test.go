package job_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
)

func TestSharesWriteIsSaidOnceAndMadeCertain(t *testing.T) {
	w := job.Write{Dataset: "d", Path: "data/x.csv"}
	j := job.Job{Warnings: []string{"before"}}
	copied := j
	require.True(t, j.SharesWrite(w, "o", false))
	require.False(t, j.SharesWrite(w, "o", false))
	require.Equal(t, []string{"before", "It may write the same file as job o, which runs at the same time: data/x.csv (dataset d)."}, j.Warnings)
	second := j
	require.True(t, j.SharesWrite(w, "o", true))
	require.False(t, j.SharesWrite(w, "o", true))
	require.False(t, j.SharesWrite(w, "o", false), "what is certain stays so")
	require.Equal(t, []string{"before", "It wrote the same file as job o, which ran at the same time: data/x.csv (dataset d)."}, j.Warnings)
	require.Equal(t, []string{"before"}, copied.Warnings)
	require.Contains(t, second.Warnings[1], "may write", "a copy is left alone")

	for i := range 100 {
		j.SharesWrite(w, fmt.Sprint(i), i%2 == 0)
	}
	require.Len(t, j.Warnings, 22)
	require.Contains(t, j.Warnings[21], "only the first are listed")
	require.True(t, j.SharesWrite(w, "1", true), "also then it is made certain")
	require.Contains(t, j.Warnings[3], "It wrote the same file as job 1,")
}

func TestReportKeepsWhatWasFoundMeanwhile(t *testing.T) {
	j, ref := claimed(t, nil)
	require.True(t, j.SharesWrite(job.Write{Dataset: "d", Path: "x"}, "o", true))
	require.NoError(t, j.Report(ref, job.Outcome{Status: job.Completed, EndedAt: at(5), Warnings: []string{"own"}}, at(5), 0))
	require.Len(t, j.Warnings, 2)
	require.Equal(t, "own", j.Warnings[1])
}
