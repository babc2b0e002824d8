package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
)

// TestRunsThatWriteOneFile: both are warned, and one of a pipeline that queues for its
// files waits until they have ended, while others go on.
func TestRunsThatWriteOneFile(t *testing.T) {
	t.Parallel()
	folder, settings := project(t, "witness"), filepath.Join(t.TempDir(), "kedrod.yaml")
	said := fmt.Sprintf("concurrency: 4\nprojects: [{path: %q, pipelines: {patient: {write_conflicts: queue}}}]\n", folder)
	require.NoError(t, os.WriteFile(settings, []byte(said), 0o600))
	s := serve(t, setup{args: []string{"--config", settings}, data: filepath.Join(t.TempDir(), "data")})
	known(t, s)
	path, gate := filepath.Join(t.TempDir(), "diary"), filepath.Join(t.TempDir(), "gate")
	submit := func(pipeline, gate string) string {
		return s.send(t, client.Submission{PipelineName: pipeline, Parameters: asJSON(t, params{"path": path, "gate": gate})}).ID
	}
	a, b := submit("report", gate), submit("weekly", gate)
	did := func(other, dataset string) string {
		return "It wrote the same file as job " + other + ", which ran at the same time: data/report.json (dataset " + dataset + ")."
	}
	eventually(t, "both are warned", func() bool {
		return strings.Join(s.job(t, a).Warnings, "") == did(b, "report") && strings.Join(s.job(t, b).Warnings, "") == did(a, "weekly_report")
	})
	patient := submit("patient", gate)
	other := submit("diary", "")
	require.Equal(t, "completed", s.end(t, other).Status, "who needs no file of others does not wait")
	waits := s.job(t, patient)
	require.Equal(t, "pending", waits.Status)
	require.Contains(t, []string{
		"It waits for the file data/report.json: job " + a + " writes it.", "It waits for the file data/report.json: job " + b + " writes it.",
	}, text(waits.WaitingFor))
	touch(t, gate)
	for _, id := range []string{a, b, patient} {
		ended := s.end(t, id)
		require.Equal(t, "completed", ended.Status, explain(ended))
	}
	require.Empty(t, s.job(t, patient).Warnings)
	open := map[string]bool{}
	for _, e := range diary(t, path) {
		if open[e.job] = e.word == "start"; open[patient] {
			require.False(t, open[a] || open[b], "it runs beside the others")
		}
	}
}
