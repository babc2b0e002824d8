package sqlite

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

// fuzzStore holds a job for each text, with names that a search may meet.
func fuzzStore(f *testing.F, texts ...string) *Store {
	f.Helper()
	s, err := Open(f.Context(), filepath.Join(f.TempDir(), "jobs.db"), Options{})
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, s.Close()) })
	for i, text := range texts {
		_, _, err := s.Submit(f.Context(), job.Job{
			ID: fmt.Sprintf("0199c0de-0000-7000-8000-%012d", i), Project: "p", Pipeline: text, UserID: &texts[(i+1)%len(texts)], Status: job.Pending,
			CreatedAt: time.Date(2026, 1, 1, 0, 0, i, 0, time.UTC), Queue: job.Queue{Timeout: time.Minute, MaxAttempts: 1},
		}, nil)
		require.NoError(f, err)
	}
	return s
}

// FuzzCursor: a cursor is one that was given out, or refused; whatever it says, a page
// is in order and behind it.
func FuzzCursor(f *testing.F) {
	s := fuzzStore(f, "a", "b", "c", "d")
	p, err := s.List(f.Context(), store.Filter{Limit: 1})
	require.NoError(f, err)
	for _, seed := range []string{p.Next, "", "!", "fHw", key{Created: "9999-12-31T23:59:59.999999+00:00", ID: "\xff"}.Cursor(), key{Created: strings.Repeat("x", 32), ID: ""}.Cursor()} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		p, err := s.List(t.Context(), store.Filter{Limit: 2, Cursor: cursor})
		_, keysErr := s.Keys(t.Context(), 2, cursor)
		if err != nil {
			require.True(t, fault.Is(err, fault.Invalid), "%v", err)
			require.True(t, fault.Is(keysErr, fault.Invalid), "%v", keysErr)
			return
		}
		require.NoError(t, keysErr)
		if _, err := s.Audit(t.Context(), store.AuditFilter{Limit: 2, Cursor: cursor}); err != nil {
			require.True(t, fault.Is(err, fault.Invalid), "%v", err)
		}
		if k, ok := rows.ReadCursor(cursor); ok {
			again, ok := rows.ReadCursor(k.Cursor())
			require.True(t, ok)
			require.Equal(t, k, again)
			for _, j := range p.Jobs {
				require.True(t, key{Created: job.FormatTime(j.CreatedAt), ID: j.ID}.Older(k))
			}
		}
	})
}

// lower folds the letters that SQLite's LIKE folds.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// FuzzSearch compares q and the ends of ids with looking at each job.
func FuzzSearch(f *testing.F) {
	texts := []string{"train", "50%", "a_b", `back\slash`, "É", "Train_all", "'quote'", "[a]*?"}
	s := fuzzStore(f, texts...)
	for _, seed := range []string{"train", "%", "_", `\`, "é", "0199C0DE", "000000000007", "'", "*"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, q string) {
		if q == "" || strings.ContainsRune(q, 0) || !utf8.ValidString(q) || len(q) > 1000 {
			return // no door lets these through
		}
		found := func(filter store.Filter) []string {
			filter.Limit = 100
			p, err := s.List(t.Context(), filter)
			require.NoError(t, err)
			var ids []string
			for _, j := range p.Jobs {
				ids = append(ids, j.ID)
			}
			return ids
		}
		var searched, ended []string
		for i, text := range slices.Backward(texts) {
			id := fmt.Sprintf("0199c0de-0000-7000-8000-%012d", i)
			for _, in := range []string{id, text, texts[(i+1)%len(texts)]} {
				if strings.Contains(lower(in), lower(q)) {
					searched = append(searched, id)
					break
				}
			}
			if strings.HasPrefix(id, q) || strings.HasSuffix(id, q) {
				ended = append(ended, id)
			}
		}
		require.Equal(t, searched, found(store.Filter{Query: q}), "%q", q)
		if len(q) >= 6 {
			require.Equal(t, ended, found(store.Filter{IDs: []string{q}}), "%q", q)
		}
	})
}

// FuzzImport: whatever the columns of a row hold, what is taken over can be read, and
// written as JSON.
func FuzzImport(f *testing.F) {
	f.Add("id", "pipe", "completed", `{"a": 1}`, "null", "boom", "2026-01-01T00:00:00", 1.5)
	f.Add("id\x00", "\xff", "RUNNING", `{"a": "`+"\xff"+`"}`, `"\ud800"`, "\x00", "0000-01-01T00:00:00+14:00", math.Inf(1))
	f.Add("x", "y", "failed", `{"a":1}{}`, strings.Repeat("[", 20000), "", "9999-12-31T23:59:59-12:00", -1.0)
	f.Fuzz(func(t *testing.T, id, pipeline, status, parameters, results, message, created string, seconds float64) {
		row := oldJob{
			id: sql.NullString{String: id, Valid: true}, pipeline: sql.NullString{String: pipeline, Valid: true}, user: sql.NullString{String: message, Valid: true},
			status: sql.NullString{String: status, Valid: true}, parameters: sql.NullString{String: parameters, Valid: true},
			results: sql.NullString{String: results, Valid: results != ""}, message: sql.NullString{String: message, Valid: true},
			created: created, started: seconds, completed: []byte(created), seconds: seconds,
		}
		if !row.usable() {
			return
		}
		for _, resubmit := range []bool{true, false} {
			j, _ := row.job(ImportOptions{Project: "p", Resubmit: resubmit}, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
			require.True(t, j.Status.Terminal() || resubmit)
			b, err := json.Marshal(struct {
				ID                  string
				Parameters, Results json.RawMessage
				Seconds             *float64
			}{j.ID, j.Parameters, orNull(j.Results), j.ExecutionTime})
			require.NoError(t, err)
			require.True(t, utf8.Valid(b), "%q", b)
			for _, at := range []*time.Time{&j.CreatedAt, j.StartedAt, j.CompletedAt} {
				if at != nil {
					_, err := job.ParseTime(job.FormatTime(*at))
					require.NoError(t, err)
				}
			}
			_, err = insertArgs(&j, j.CreatedAt)
			require.NoError(t, err)
		}
	})
}

func orNull(b json.RawMessage) json.RawMessage {
	if len(b) == 0 {
		return json.RawMessage("null")
	}
	return b
}

// TestImportOfOddRows: a row that would make the store or a list unreadable is left out
// or mended, and costs no other row.
func TestImportOfOddRows(t *testing.T) {
	dir := t.TempDir()
	from := filepath.Join(dir, "old.db")
	old, err := sql.Open("sqlite", from)
	require.NoError(t, err)
	//nolint:dupword // SQL
	_, err = old.Exec(`CREATE TABLE jobs (id, pipeline_name, user_id, status, parameters, results, error_message, created_at, started_at, completed_at, execution_time);
		INSERT INTO jobs VALUES ('good', 'p', 'u', 'completed', '{}', 'null', NULL, '2026-01-01T00:00:00', 1767225600.5, '2026-01-01 00:00:02', 1.5),
		('times', 'p', NULL, 'failed', '[', '{', 'm', '0000-01-01T00:00:00+14:00', -1, '9999-12-31T23:59:59-12:00', 9e999),
		('bytes', x'ff', x'ff', 'completed', CAST(x'7b2261223a2022ff227d' AS TEXT), CAST(x'22ff22' AS TEXT), x'00ff', 'never', 'x', NULL, 'x'),
		(x'ff00', 'p', NULL, 'completed', '{}', NULL, NULL, NULL, NULL, NULL, NULL), (NULL, 'p', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`)
	require.NoError(t, errors.Join(err, old.Close()))
	s, err := Open(t.Context(), filepath.Join(dir, "jobs.db"), Options{})
	require.NoError(t, err)
	defer s.Close()
	done, err := s.Import(t.Context(), from, ImportOptions{Project: "p"})
	require.NoError(t, err)
	require.Equal(t, Imported{New: 2, Skipped: 3}, done)
	p, err := s.List(t.Context(), store.Filter{Limit: 10, Parameters: true, Results: true})
	require.NoError(t, err)
	require.Len(t, p.Jobs, 2)
	times, err := s.Get(t.Context(), "times")
	require.NoError(t, err)
	require.Nil(t, times.ExecutionTime)
	require.Equal(t, `"{"`, string(times.Results))
}
