package job_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
)

// FuzzParseTime: every time that is taken can be written and read again, and sorts as
// text as it does as time.
func FuzzParseTime(f *testing.F) {
	for _, seed := range []string{"2026-11-25T01:20:16.340000+00:00", "2026-11-25T01:20:16Z", "0000-01-01T00:00:00+14:00", "9999-12-31T23:59:59.9999999-12:00", "2026-02-29T00:00:00Z"} {
		f.Add(seed, "1970-01-01T00:00:00.5Z")
	}
	f.Fuzz(func(t *testing.T, text, other string) {
		at, err := job.ParseTime(text)
		if err != nil {
			return
		}
		written := job.FormatTime(at)
		require.Len(t, written, len(job.TimeLayout), text)
		again, err := job.ParseTime(written)
		require.NoError(t, err, text)
		require.True(t, at.Equal(again), text)
		require.Equal(t, time.UTC, at.Location())
		if second, err := job.ParseTime(other); err == nil {
			require.Equal(t, at.Before(second), written < job.FormatTime(second), "%s and %s", text, other)
		}
	})
}
