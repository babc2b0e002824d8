package rundir

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzOutcome: a run can write into its folder, so the record may be anything; what is
// read can be written and read again.
func FuzzOutcome(f *testing.F) {
	for _, seed := range []string{
		`{"Ref": {"JobID": "a", "Attempt": 1, "Worker": "w"}, "Outcome": {"Status": "completed", "EndedAt": "2026-11-25T01:20:16Z", "Results": {"a": 1.0}}}`,
		`{"Outcome": {"EndedAt": "9999-12-31T23:59:59-12:00", "ExecutionTime": 1e308, "Progress": null}}`, `null`, `[]`, "\x00",
	} {
		f.Add([]byte(seed))
	}
	root := New(f.TempDir())
	dir, other := root.Attempt("0199c0de-0000-7000-8000-000000000001", 1), root.Attempt("0199c0de-0000-7000-8000-000000000002", 1)
	require.NoError(f, dir.Make())
	require.NoError(f, other.Make())
	f.Fuzz(func(t *testing.T, text []byte) {
		require.NoError(t, os.WriteFile(dir.outcome(), text, 0o600))
		r, ok, err := dir.ReadOutcome()
		if err != nil {
			return
		}
		require.True(t, ok)
		if other.WriteOutcome(r) != nil {
			return // a time that JSON has no form for
		}
		again, ok, err := other.ReadOutcome()
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, r.Ref, again.Ref)
		require.Equal(t, r.Outcome.Key(), again.Outcome.Key())
		require.True(t, r.Outcome.EndedAt.Equal(again.Outcome.EndedAt))
	})
}
