package kedro

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var fixedTime = time.Date(2026, 11, 25, 1, 20, 16, 0, time.UTC)

// fold applies events given as "kind node dataset", a second apart.
func fold(s *State, lines ...string) {
	for i, line := range lines {
		parts := append(strings.Split(line, " "), "", "")
		e := Event{Kind: EventKind(parts[0]), Node: parts[1], Dataset: parts[2], Time: fixedTime.Add(time.Duration(i) * time.Second)}
		if e.Kind == EventRunError || e.Kind == EventNodeError {
			e.Error = &Exception{Type: "ValueError", Message: "m"}
		}
		s.Apply(e)
	}
}

func started(nodes ...EventNode) *State {
	s := &State{}
	s.Apply(Event{Kind: EventRunStart, Nodes: nodes, Datasets: []EventDataset{{Name: "file", Type: "T", Path: "/p"}}, SaveVersion: "v"})
	return s
}

func statuses(s *State) string {
	var out []string
	for _, n := range s.Nodes {
		out = append(out, fmt.Sprintf("%s=%s", n.Name, n.Status))
	}
	return strings.Join(out, " ")
}

func TestANodeIsDoneWhenItsOutputsAreSaved(t *testing.T) {
	s := started(EventNode{Name: "a", Outputs: []string{"x", "file"}}, EventNode{Name: "b"})
	require.Equal(t, Progress{Total: 2, Running: []string{}}, s.Progress())
	fold(s, "loading a in", "node_start a", "node_run a")
	require.Equal(t, "a=running b=pending", statuses(s))
	fold(s, "saved a x")
	require.Equal(t, "a=running b=pending", statuses(s), "one output is not saved yet")
	fold(s, "saved a file", "node_start b", "node_run b")
	require.Equal(t, "a=completed b=completed", statuses(s), "a node without outputs is done when it returns")
	require.Equal(t, []Output{{Dataset: "file", Type: "T", Path: "/p", Node: "a"}}, s.Outputs, "what lives in memory is no output")
}

func TestAGeneratorIsDoneWhenTheRunnerSaysSo(t *testing.T) {
	s := started(EventNode{Name: "g", Outputs: []string{"file"}, Generator: true})
	fold(s, "node_start g", "node_run g", "saved g file", "saved g file")
	require.Equal(t, "g=running", statuses(s))
	fold(s, "node_done g")
	require.Equal(t, "g=completed", statuses(s))
	require.Len(t, s.Outputs, 1)
}

func TestAFailedSaveFailsItsNode(t *testing.T) {
	s := started(EventNode{Name: "a", Outputs: []string{"file"}}, EventNode{Name: "b", Outputs: []string{"y"}})
	fold(s, "node_start a", "node_run a", "run_error")
	require.Equal(t, "a=failed b=pending", statuses(s))
	require.Equal(t, "a", s.Exception.Node)
	s.Close(EndFailed, fixedTime)
	require.Equal(t, "a=failed b=skipped", statuses(s))
}

func TestClosing(t *testing.T) {
	for how, want := range map[Ending]string{EndCompleted: "a=completed b=skipped", EndFailed: "a=failed b=skipped", EndCancelled: "a=cancelled b=skipped"} {
		s := started(EventNode{Name: "a", Outputs: []string{"x"}}, EventNode{Name: "b"})
		fold(s, "node_start a")
		require.Len(t, s.Close(how, fixedTime), 2)
		require.Equal(t, want, statuses(s))
		require.Empty(t, s.Close(how, fixedTime), "once is enough")
		done := map[Ending]int{EndCompleted: 2}
		require.Equal(t, done[how], s.Progress().Done, "what a failed run never reached is not done")
	}
}

func TestEventsThatDoNotBelongChangeNothing(t *testing.T) {
	s := started(EventNode{Name: "a", Outputs: []string{"x"}})
	fold(s, "node_start stranger", "saved stranger file", "node_done", "run_start", "whatever a")
	require.Equal(t, "a=pending", statuses(s))
	fold(s, "node_start a", "node_run a", "saved a x", "node_error a", "node_start a")
	require.Equal(t, "a=failed", statuses(s), "an error after its saves still counts")
}

func TestResultsOfNothing(t *testing.T) {
	raw, err := (&State{}).Results(nil)
	require.NoError(t, err)
	require.Nil(t, raw)
	s := &State{}
	s.Apply(Event{Kind: EventContext, Kedro: "1.7.0", Python: "3.11.7"})
	raw, err = s.Results(nil)
	require.NoError(t, err)
	require.JSONEq(t, `{"outputs": [], "returned": {}, "nodes": [], "save_version": null, "kedro_version": "1.7.0", "python_version": "3.11.7", "code": null, "resume_from": []}`, string(raw))
}

func TestSplitNames(t *testing.T) {
	require.Equal(t, []string{"a", "f([x,y]) -> [z]", "b"}, splitNames("a, f([x,y]) -> [z],,b"))
	require.Equal(t, []string{"a[b"}, splitNames("a[b"))
	require.Empty(t, splitNames(""))
}

func TestEventReaderTakesWhatIsWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	r := NewEventReader(path, 0)
	var got []string
	read := func() {
		for more := true; more; {
			var err error
			more, err = r.Read(func(e Event) { got = append(got, e.Node) })
			require.NoError(t, err)
		}
	}
	read()
	file, err := os.Create(path)
	require.NoError(t, err)
	defer file.Close()
	add := func(s string) {
		_, err := file.WriteString(s)
		require.NoError(t, err)
	}
	add(`{"ev": "node_run", "node": "a"}` + "\n" + `{"ev": "node_`)
	read()
	require.Equal(t, []string{"a"}, got)
	offset := r.Offset()
	add(`run", "node": "b"}` + "\n\x00garbage\n[]\n{\"ev\": 1}\n" + `{"ev": "node_run", "node": "too long", "text": "` + strings.Repeat("x", maxEventLine) + "\"}\n" + `{"ev": "node_run", "node": "c"}` + "\n")
	read()
	require.Equal(t, []string{"a", "b", "c"}, got)

	got = nil
	r = NewEventReader(path, offset)
	read()
	require.Equal(t, []string{"b", "c"}, got, "from where the first had come to")
}

func TestOneReadIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	line := `{"ev": "node_run", "node": "` + strings.Repeat("x", 1000) + `"}` + "\n"
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat(line, 3*readAtOnce/len(line))), 0o600))
	r, seen := NewEventReader(path, 0), 0
	for reads := 1; ; reads++ {
		more, err := r.Read(func(Event) { seen++ })
		require.NoError(t, err)
		if !more {
			require.GreaterOrEqual(t, reads, 3)
			break
		}
	}
	require.Equal(t, 3*readAtOnce/len(line), seen)
}

func TestWhatIsNoRegularFileIsNotWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	_, err := NewEventReader(path, 0).Read(func(Event) {})
	require.Error(t, err)
}

func FuzzParseEvent(f *testing.F) {
	for _, s := range []string{`{"ev": "saved", "t": 1795576360.35, "bytes": 3}`, `{"ev": "run_error", "error": {"type": 1}}`, `{"t": 1e300, "ev": "x"}`, "null", "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		e, ok := ParseEvent(line)
		if ok && (e.Kind == "" || e.Time.Year() > 9999) {
			t.Fatalf("%q gave %+v", line, e)
		}
		s := started(EventNode{Name: "a", Outputs: []string{"x"}})
		if ok {
			s.Apply(e)
		}
		if raw, err := s.Results(nil); err != nil || !json.Valid(raw) {
			t.Fatalf("%q: %v", line, err)
		}
	})
}

func FuzzClassify(f *testing.F) {
	f.Add([]byte("╭─ Traceback ─╮\n│ x │\n╰─╯\nValueError: a\nb\n"))
	f.Add([]byte("Traceback (most recent call last):\n  File \"x\"\nKeyError\n"))
	f.Add([]byte("\x1b[31mError: no such option\x1b[0m\n"))
	f.Fuzz(func(t *testing.T, log []byte) {
		out := Classify(Exit{Code: 1}, nil, log, "PYTHON")
		if out.Reason == "" || out.Message == "" {
			t.Fatalf("%q gave %+v", log, out)
		}
		s := &State{}
		for line := range strings.Lines(string(log)) {
			s.LogLine(line, fixedTime)
		}
		s.Close(EndFailed, fixedTime)
	})
}
