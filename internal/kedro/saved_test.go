package kedro

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// overJSON is the way to another binary.
func overJSON(t require.TestingT, s *State) *State {
	b, err := json.Marshal(s.Save())
	require.NoError(t, err)
	var saved SavedState
	require.NoError(t, json.Unmarshal(b, &saved))
	restored := saved.Restore()
	return &restored
}

// shown is what others see of a state.
func shown(t require.TestingT, s *State) string {
	results, err := s.Results(nil)
	require.NoError(t, err)
	b, err := json.Marshal([]any{s.Nodes, s.Progress(), s.Outputs, s.Exception, s.Hooked, s.Started, s.Ended, s.ResumeFrom, results})
	require.NoError(t, err)
	return string(b)
}

// A state that is handed on at any moment goes on as if nothing had been.
func TestSavedStateGoesOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kinds := []string{"loading", "node_start", "node_run", "saved", "node_done", "node_error", "run_ok", "run_error", "context", "resume", "skipped", "returned"}
		lines := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
			return rapid.SampledFrom(kinds).Draw(t, "kind") + " " + rapid.SampledFrom([]string{"a", "b", "g", "c"}).Draw(t, "node") +
				" " + rapid.SampledFrom([]string{"x", "file", "y"}).Draw(t, "dataset")
		}), 0, 30).Draw(t, "lines")
		begin := rapid.Bool().Draw(t, "begun")
		cut := rapid.IntRange(0, len(lines)).Draw(t, "cut")
		make2 := func() *State {
			if begin {
				return started(EventNode{Name: "a", Outputs: []string{"x", "file"}}, EventNode{Name: "g", Outputs: []string{"file"}, Generator: true}, EventNode{Name: "b"})
			}
			return &State{}
		}
		whole := make2()
		fold(whole, lines[:cut]...)
		fold(whole, lines[cut:]...)
		parts := make2()
		fold(parts, lines[:cut]...)
		parts = overJSON(t, parts)
		fold(parts, lines[cut:]...)
		require.Equal(t, shown(t, whole), shown(t, parts))
		for _, s := range []*State{whole, parts} {
			s.Close(EndFailed, fixedTime)
		}
		require.Equal(t, shown(t, whole), shown(t, overJSON(t, parts)))
	})
}

// So it is where only the log tells.
func TestSavedStateOfALogGoesOn(t *testing.T) {
	logs, err := filepath.Glob("testdata/logs/*.log")
	require.NoError(t, err)
	require.NotEmpty(t, logs)
	for _, path := range logs {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		lines := strings.Split(string(text), "\n")
		for cut := range lines {
			whole, parts := &State{}, &State{}
			for i, line := range lines {
				if i == cut {
					parts = overJSON(t, parts)
				}
				whole.LogLine(line, fixedTime)
				parts.LogLine(line, fixedTime)
			}
			whole.Close(EndFailed, fixedTime)
			parts.Close(EndFailed, fixedTime)
			require.Equal(t, shown(t, whole), shown(t, parts), "%s, line %d", path, cut)
		}
	}
}
