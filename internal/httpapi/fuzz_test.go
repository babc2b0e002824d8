package httpapi

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/kedro"
	"github.com/kedrod/kedrod/internal/service"
)

// requireRefusal holds an error of a parser to what a client may be told.
func requireRefusal(t *testing.T, err error, sent string) {
	t.Helper()
	require.Contains(t, []fault.Code{fault.Malformed, fault.Invalid, fault.NotSupported, fault.UnknownField}, fault.CodeOf(err), "%q: %v", sent, err)
	require.True(t, utf8.ValidString(err.Error()), "%q", sent)
	require.Less(t, len(err.Error()), 100_000, "%q", cut(sent, 100))
}

// FuzzQuery: values that pass are what their kind says.
func FuzzQuery(f *testing.F) {
	params := []param{
		{name: "word", kind: word, words: []string{"a", "b"}, repeated: true}, {name: "n", kind: integer, min: 1, max: 500},
		{name: "s", kind: seconds, max: 60}, {name: "at", kind: moment}, {name: "on", kind: flag}, {name: "q", repeated: true}, {name: "later", later: true},
	}
	for _, seed := range []string{"word=a&word=b", "n=0x10", "n=%31&s=1e1", "s=nan", "s=Inf", "at=2026-11-25T01:20:16+00:00", "on=T&q=%00", "q=%ff", "q=&q=", "a=1;b=2", "%zz", "&&=&n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := readQuery(raw, params)
		if err != nil {
			requireRefusal(t, err, raw)
			return
		}
		for name, values := range q {
			require.LessOrEqual(t, len(values), maxValues)
			switch name {
			case "n":
				n := q.integer("n")
				require.True(t, 1 <= n && n <= 500, raw)
			case "s":
				d := q.seconds("s")
				require.True(t, 0 <= d && d <= time.Minute, raw)
			case "at":
				require.NotNil(t, q.moment("at"), raw)
			case "q":
				for _, v := range values {
					require.True(t, utf8.ValidString(v) && !strings.ContainsRune(v, 0) && len(v) <= maxText, raw)
				}
			case "word", "on":
			default:
				t.Fatalf("%q: %s", raw, name)
			}
		}
	})
}

// FuzzBodies gives one body to every reader of bodies but that of a submission, which
// FuzzSubmission looks at.
func FuzzBodies(f *testing.F) {
	for _, seed := range []string{
		`{"ids": ["a", "b"], "expect": 2}`, `{"filter": {"status": "failed", "created_since": "2026-11-25T01:20:16Z", "label": ["a:b"]}, "expect": 1e0}`,
		`{"filter": {}}`, `{"filter": {"q": "\u0000"}}`, `{"filter": {"id": [1]}, "from": "failure"}`, `{"priority": -3, "run_at": null, "labels": {"a": null, "b": "c"}}`,
		`{"name": "n", "role": "admin", "projects": ["a"], "expires_at": "2027-01-01T00:00:00Z"}`, `{"items": [{"pipeline_name": "a"}, {}]}`, `{"items": [[]]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		members, err := readObject([]byte(body))
		if err != nil {
			requireRefusal(t, err, body)
			return
		}
		for _, ignore := range []bool{true, false} {
			sel, err := readSelection(members, ignore, []string{"from"})
			if err != nil {
				requireRefusal(t, err, body)
			} else if sel.Filter != nil {
				for _, values := range [][]string{sel.Filter.IDs, sel.Filter.Pipelines, sel.Filter.UserIDs, sel.Filter.Projects, sel.Filter.Labels} {
					require.LessOrEqual(t, len(values), maxValues)
				}
			}
			if a, err := readAmendment(members, ignore); err != nil {
				requireRefusal(t, err, body)
			} else {
				require.True(t, a.RunAt == nil || a.SetRunAt)
			}
			if _, err := readNewKey(members, ignore); err != nil {
				requireRefusal(t, err, body)
			}
			if subs, err := readBatch(members, ignore); err != nil {
				requireRefusal(t, err, body)
			} else {
				require.LessOrEqual(t, len(subs), service.MaxBatch)
				require.Len(t, hashBatch(members), 64)
			}
			if err := readFrom(members); err != nil {
				requireRefusal(t, err, body)
			}
		}
	})
}

// FuzzWindow and the ids of events: numbers within their bounds.
func FuzzWindow(f *testing.F) {
	for _, seed := range []string{"90m", "366d", "367d", "99999999w", "0s", "1", "-1s", "17-end", "9223372036854775807", "9223372036854775808"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := readWindow(text); err == nil {
			require.True(t, time.Second <= d && d <= service.MaxWindow, text)
		} else {
			requireRefusal(t, err, text)
		}
		last, err := readPosition(text, "Last-Event-ID")
		if err != nil {
			requireRefusal(t, err, text)
		} else {
			require.True(t, last.offset >= 0 && last.given == (text != "") && last.over == strings.HasSuffix(text, "-end"), text)
		}
		n, err := readSeq(text, "Last-Event-ID")
		if err != nil {
			requireRefusal(t, err, text)
			return
		}
		require.GreaterOrEqual(t, n, int64(0))
		again, err := readSeq(formatSeq(n), "x")
		require.NoError(t, err)
		require.Equal(t, n, again)
	})
}

// FuzzLogLines: a log as objects has every byte of it once, in pieces of a bounded
// size that are cut between characters.
func FuzzLogLines(f *testing.F) {
	f.Add([]byte("[11/25/26 01:20:16] INFO     text\n  more\r\n"))
	f.Add(append(bytes.Repeat([]byte("é"), lineMax), '\n'))
	f.Add([]byte("\xff\xfe\n\n\x00"))
	f.Fuzz(func(t *testing.T, log []byte) {
		var all []byte
		records := kedro.NewLogRecords(filepath.Join(t.TempDir(), "none"))
		require.NoError(t, eachLine(bytes.NewReader(log), func(piece []byte) error {
			require.NotEmpty(t, piece)
			require.LessOrEqual(t, len(piece), lineMax)
			require.LessOrEqual(t, bytes.Count(piece, []byte("\n")), 1)
			if utf8.Valid(log) {
				require.True(t, utf8.Valid(piece))
			}
			all = append(all, piece...)
			b, err := json.Marshal(wireLine(records, piece))
			require.NoError(t, err)
			require.True(t, utf8.Valid(b))
			return nil
		}))
		require.Equal(t, string(log), string(all))
	})
}
