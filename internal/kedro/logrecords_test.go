package kedro

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func logRecords(t testing.TB, events ...string) *LogRecords {
	t.Helper()
	path := filepath.Join(t.TempDir(), "events.jsonl")
	if events != nil {
		require.NoError(t, os.WriteFile(path, []byte(strings.Join(events, "\n")+"\n"), 0o600))
	}
	return NewLogRecords(path)
}

func logEvent(second int, pid int, level, message string) string {
	return fmt.Sprintf(`{"ev":"log","t":%d,"pid":%d,"level":%q,"message":%q}`, second, pid, level, message)
}

func TestLogRecords(t *testing.T) {
	r := logRecords(t,
		`{"ev":"context","t":1,"pid":7}`,
		logEvent(2, 7, "DEBUG", "the console shows no such level"),
		logEvent(3, 7, "INFO", "Loading data from [dark_orange]raw[/dark_orange] (CSVDataset)..."),
		`{"ev":"loading","t":3,"pid":7,"node":"split"}`,
		`{"ev":"node_start","t":4,"pid":7,"node":"split"}`,
		logEvent(5, 7, "WARNING", "careful: "+strings.Repeat("é", 40)+" and more, which is wrapped"),
		`{"ev":"node_run","t":6,"pid":7,"node":"split"}`,
		logEvent(6, 7, "ERROR", "it broke\nTraceback (most recent call last):"),
		`{"ev":"node_done","t":7,"pid":7,"node":"split"}`,
		`{"ev":"node_start","t":8,"pid":7,"node":"one"}`, `{"ev":"node_start","t":8,"pid":7,"node":"two"}`,
		logEvent(9, 7, "INFO", "which of two"),
	)
	for _, c := range []struct {
		line, level, node string
		second            int
	}{
		{"before everything", "", "", 0},
		{"[11/25/26 01:20:16] INFO     Loading data from raw (CSVDataset)...      data_catalog.py:1", "INFO", "", 3},
		{"printed", "", "", 3},
		{"\x1b[33mWARNING\x1b[0m  careful: " + strings.Repeat("é", 40), "WARNING", "split", 5},
		{"         and more, which is wrapped", "", "split", 5},
		{"ERROR it broke", "ERROR", "split", 6},
		{"Traceback (most recent call last):", "", "split", 6},
		{"INFO which of two", "INFO", "", 9},
	} {
		got := r.Line(c.line)
		require.Equal(t, c.level, got.Level, c.line)
		require.Equal(t, c.node, got.Node, c.line)
		if c.second == 0 {
			require.True(t, got.Time.IsZero(), c.line)
		} else {
			require.Equal(t, int64(c.second), got.Time.Unix(), c.line)
		}
	}
}

// TestLogRecordsOfABoundedLog: where lines were left out of the log, its records are
// found again further on.
func TestLogRecordsOfABoundedLog(t *testing.T) {
	events := make([]string, 5000)
	for i := range events {
		events[i] = logEvent(i+1, 7, "INFO", fmt.Sprintf("message <%d>", i))
	}
	r := logRecords(t, events...)
	require.Equal(t, "INFO", r.Line("INFO message <0>").Level)
	found := 0
	for i := 4000; i < 5000; i++ {
		if r.Line(fmt.Sprintf("INFO message <%d>", i)).Level != "" {
			found++
		}
	}
	require.GreaterOrEqual(t, found, 1000-missedMost)
}

func TestLogRecordsWithoutTheHook(t *testing.T) {
	r := logRecords(t)
	require.Equal(t, LogRecord{Level: "INFO", Node: "split"}, r.Line("2026-11-25 01:20:16,340 - kedro.pipeline.node - INFO - Running node: split: split([raw]) -> [part]"))
	require.Equal(t, LogRecord{Node: "split"}, r.Line("printed"))
	require.Equal(t, LogRecord{Level: "ERROR", Node: "split"}, r.Line("[01:20:16] ERROR it broke"))
}

func FuzzLogRecords(f *testing.F) {
	f.Add(logEvent(1, 7, "INFO", "a [b]c[/b]"), "INFO a c")
	f.Add(`{"ev":"node_start","t":1,"node":"x"}`, "Running node: x")
	f.Fuzz(func(t *testing.T, event, line string) {
		r := logRecords(t, event)
		for range 3 {
			r.Line(line)
		}
		require.LessOrEqual(t, len(keyOf(line)), keyLength)
	})
}
