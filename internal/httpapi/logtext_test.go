package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kedrod/kedrod/internal/joblog"
)

// TestLogTextProperty: however a log is cut into chunks and whenever a part of a line
// is flushed, the texts are the log's, ids are offsets between characters, and going
// on from any of them gives what is missing.
func TestLogTextProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.SampledFrom([]string{"a", "line\n", "\n", "é", "€", "𝄞", "\xff", "\xe2\x82", "\xf0\x9d", "\x80", "\r", `"`})).Draw(t, "parts")
		log := []byte(strings.Join(parts, ""))
		answer := httptest.NewRecorder()
		s := &stream{w: newWriter(answer), stop: func() {}, every: time.Hour, beat: time.AfterFunc(time.Hour, func() {})}
		text := &logText{stream: s}
		for at := 0; at < len(log); {
			n := rapid.IntRange(1, len(log)-at).Draw(t, "chunk")
			require.NoError(t, text.chunk(joblog.Chunk{Offset: int64(at), Next: int64(at + n), Data: bytes.Clone(log[at : at+n])}))
			if at += n; rapid.Bool().Draw(t, "late") {
				text.late()
			}
		}
		require.NoError(t, text.end())
		text.close()
		s.beat.Stop()

		var got strings.Builder
		last := 0
		for _, event := range strings.Split(strings.TrimSuffix(answer.Body.String(), "\n\n"), "\n\n") {
			lines := strings.Split(event, "\n")
			require.Len(t, lines, 3)
			id, data := strings.TrimPrefix(lines[1], "id: "), strings.TrimPrefix(lines[2], "data: ")
			if lines[0] == "event: end" {
				require.Equal(t, strconv.Itoa(len(log))+endMark, id)
				continue
			}
			var v struct{ Text string }
			require.NoError(t, json.Unmarshal([]byte(data), &v))
			got.WriteString(v.Text)
			offset, err := strconv.Atoi(id)
			require.NoError(t, err)
			require.Greater(t, offset, last)
			last = offset
			require.Equal(t, string([]rune(string(log[:offset]))), got.String(), "text up to the offset %d", offset)
		}
		require.Equal(t, len(log), last)
	})
}
