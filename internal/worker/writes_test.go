package worker_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/kedro"
)

// writing is a catalog in which the pipeline gate writes a file.
type writing struct {
	catalog
	path string
}

func (w writing) Snapshot() (kedro.Registry, bool) {
	return kedro.Registry{
		Pipelines: []kedro.Pipeline{{Name: "gate", Nodes: []kedro.PipelineNode{{Name: "n", Outputs: []string{"of_gate"}}}}},
		Datasets:  map[string]kedro.Dataset{"of_gate": {Filepath: &w.path}},
	}, true
}

// TestRunsThatWriteOneFileAreWarned: as expected by the registry, as a run says what it is
// about to write, and once both have written.
func TestRunsThatWriteOneFileAreWarned(t *testing.T) {
	r := newRig(t)
	r.opts.Self.Slots = 3
	r.opts.Projects[0].Catalog = writing{path: "data/x.csv"}
	_, stop := r.start()
	defer stop()
	warned := func(id string, warnings ...string) {
		t.Helper()
		require.Eventually(t, func() bool { return slices.Equal(warnings, r.get(id).Warnings) }, 30*time.Second, 5*time.Millisecond, id)
	}
	may := func(other, dataset string) string {
		return "It may write the same file as job " + other + ", which runs at the same time: data/x.csv (dataset " + dataset + ")."
	}
	did := func(other, dataset string) string {
		return "It wrote the same file as job " + other + ", which ran at the same time: data/x.csv (dataset " + dataset + ")."
	}
	gate := r.submit("gate", nil).ID
	r.begun(gate, 1)
	a := r.submit("saves", nil).ID
	warned(gate, may(a, "of_gate"))
	warned(a, may(gate, "x"))
	b := r.submit("saves", nil).ID
	warned(b, may(gate, "x"), may(a, "x"))
	for _, id := range []string{a, b} {
		require.NoError(t, os.WriteFile(filepath.Join(r.runs.Attempt(id, 1).Path, "save"), nil, 0o600))
	}
	warned(a, may(gate, "x"), did(b, "x"))
	warned(b, may(gate, "x"), did(a, "x"))
	for _, id := range []string{gate, a, b} {
		r.open(id)
		r.ended(id)
	}
	require.Equal(t, []string{may(gate, "x"), did(b, "x")}, r.get(a).Warnings)
	require.Equal(t, []string{may(a, "of_gate"), may(b, "of_gate")}, r.get(gate).Warnings, "it is not known to have written")
}
