package notify_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kedrod/kedrod/internal/notify"
)

// TestDelay: 5 s, then longer and longer up to an hour, a few dozen attempts a day.
func TestDelay(t *testing.T) {
	require.Equal(t, 5*time.Second, notify.Delay(1, 0, 0.99), "the first is told of in the contract")
	require.Equal(t, 15*time.Second, notify.Delay(2, 0, 0.5))
	require.Equal(t, 45*time.Second, notify.Delay(3, 0, 0.5))
	rapid.Check(t, func(t *rapid.T) {
		jitter := rapid.Float64Range(0, 0.999)
		var whole time.Duration
		attempts := 1
		for last := time.Duration(0); whole < notify.Window; attempts++ {
			d := notify.Delay(attempts, 0, jitter.Draw(t, "jitter"))
			require.LessOrEqual(t, d, notify.Longest*6/5)
			if last < notify.Longest/2 {
				require.Greater(t, d, last)
			}
			last = d
			whole += d
		}
		require.Less(t, attempts, 40)
		require.Greater(t, attempts, 20)
		n, asked := rapid.IntRange(1, 100).Draw(t, "attempts"), time.Duration(rapid.Int64Range(0, 1<<50).Draw(t, "asked"))
		d := notify.Delay(n, asked, 0)
		require.GreaterOrEqual(t, d, min(asked, notify.Longest), "what the receiver asks for")
		require.GreaterOrEqual(t, d, notify.Delay(n, 0, 0), "makes it longer, never shorter")
		require.LessOrEqual(t, d, max(notify.Delay(n, 0, 0), notify.Longest), "and not longer than an hour")
	})
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 25, 1, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "120": 2 * time.Minute, "-1": 0, "1.5": 0, "soon": 0, "99999999999999": 0,
		now.Add(time.Hour).Format(http.TimeFormat): time.Hour, now.Add(-time.Hour).Format(http.TimeFormat): 0,
	} {
		require.Equal(t, want, notify.RetryAfter(text, now), text)
	}
}
