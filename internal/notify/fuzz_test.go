package notify_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/notify"
)

// FuzzRetryAfter: never a wait into the past, and seconds are taken as they are written.
func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"120", "-1", "2147483647", "2147483648", "Wed, 25 Nov 2026 01:20:16 GMT", "Wed, 25 Nov 9999 01:20:16 GMT", "Wed, 25 Nov 0000 01:20:16 GMT"} {
		f.Add(seed)
	}
	now := time.Date(2026, 11, 25, 1, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		d := notify.RetryAfter(text, now)
		require.GreaterOrEqual(t, d, time.Duration(0))
		if n, err := strconv.ParseUint(text, 10, 31); err == nil {
			require.Equal(t, strconv.FormatUint(n, 10), strconv.FormatInt(int64(d/time.Second), 10))
		}
	})
}
