package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
)

// mostAtOnce gives how many of the jobs ran at the same time at most, from the lines
// that they wrote. What had not ended by the line number given was killed there.
func mostAtOnce(all []entry, killed int, of []string) int {
	most, open := 0, map[string]bool{}
	for i, e := range all {
		if i == killed {
			clear(open)
		}
		switch {
		case !slices.Contains(of, e.job):
		case e.word == "start":
			open[e.job] = true
			most = max(most, len(open))
		case e.word == "end":
			delete(open, e.job)
		}
	}
	return most
}

// TestSlots: with room for six runs, no more of a pipeline and of a key run at once than
// may, over a kill -9 and a restart too, and those of a key begin in their order.
func TestSlots(t *testing.T) {
	t.Parallel()
	folder := project(t, "witness")
	settings := filepath.Join(t.TempDir(), "kedrod.yaml")
	write := func(ofPipeline int) {
		text := fmt.Sprintf("concurrency: 6\nprojects: [{path: %q, pipelines: {diary: {concurrency: %d}}}]\n", folder, ofPipeline)
		require.NoError(t, os.WriteFile(settings, []byte(text), 0o600))
	}
	write(1)
	path, gate := filepath.Join(t.TempDir(), "diary"), filepath.Join(t.TempDir(), "gate")
	s := serve(t, setup{args: []string{"--config", settings}, data: filepath.Join(t.TempDir(), "data")})
	parameters := asJSON(t, params{"path": path, "gate": gate, "seconds": 0.2})
	key := "shared"
	var keyed, all []string
	for range 3 {
		one := s.send(t, client.Submission{PipelineName: "diary", Parameters: parameters, ConcurrencyKey: &key}).ID
		other := s.send(t, client.Submission{PipelineName: "diary", Parameters: parameters}).ID
		keyed, all = append(keyed, one), append(all, one, other)
	}
	for range 2 {
		all = append(all, s.send(t, client.Submission{PipelineName: "diary", Parameters: parameters}).ID)
	}
	// The gate holds it where it is.
	eventually(t, "the slot of the pipeline is taken", func() bool { return count(diary(t, path), "start", "", 0) == 1 })
	require.Equal(t, all[0], diary(t, path)[0].job)
	require.Contains(t, text(s.job(t, all[5]).WaitingFor), "It waits for the pipeline 'diary' (limit 1): job "+all[0]+" runs")

	worker := s.worker(t)
	s.crash(t)
	eventually(t, "no process of the runs lives", func() bool { return len(marked(t, worker)) == 0 })
	killed := len(diary(t, path))
	write(5)
	s = s.again(t)
	// Room for five of the pipeline now: one of the key and four others. That is more than
	// the one that is recovered and those that come up for it.
	eventually(t, "five run", func() bool { return count(diary(t, path)[killed:], "start", "", 0) == 5 })
	touch(t, gate)
	for _, id := range all {
		ended := s.end(t, id)
		require.Equal(t, "completed", ended.Status, explain(ended))
	}
	lines := diary(t, path)
	require.Equal(t, 1, mostAtOnce(lines[:killed], -1, all))
	require.Equal(t, 5, mostAtOnce(lines, killed, all), "all of the room is used, and no more")
	require.Equal(t, 1, mostAtOnce(lines, killed, keyed))
	var order []string
	for _, e := range lines {
		if e.word == "start" && slices.Contains(keyed, e.job) && !slices.Contains(order, e.job) {
			order = append(order, e.job)
		}
	}
	require.Equal(t, keyed, order)
}
