package guard

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProtocol(t *testing.T) {
	s := newState()
	require.True(t, s.feed([]byte("1 run a\n2 run b\n3 started 100 77 a\n4 ti")))
	require.Equal(t, map[int]uint64{100: 77}, s.groups)
	require.Equal(t, map[string]bool{"b": true}, s.announced)
	require.Nil(t, s.answer(), "nobody waits")
	require.True(t, s.feed([]byte("ck\n5 forget b\n")))
	require.Equal(t, "ok 5\n", string(s.answer()))
	require.Nil(t, s.answer(), "once")
	require.Empty(t, s.announced)
	require.True(t, s.feed([]byte("6 a-verb-of-tomorrow with arguments\n")))
	require.Equal(t, "ok 6\n", string(s.answer()), "an unknown verb has no effect and is answered")
	require.True(t, s.feed([]byte("7 ended 100 a\n")))
	require.Empty(t, s.groups)
	require.Equal(t, "ok 7\n", string(s.answer()))
}

func TestTheLatestDeadlineHolds(t *testing.T) {
	s := newState()
	require.False(t, s.late(1<<62), "no deadline, so never late")
	require.True(t, s.feed([]byte("1 tick 100\n")))
	require.Equal(t, "ok 1\n", string(s.answer()))
	require.False(t, s.late(99))
	require.True(t, s.late(100))
	require.True(t, s.feed([]byte("2 tick\n3 tick 50\n")), "a sign of life moves nothing, and neither does an older deadline")
	require.True(t, s.late(100))
	require.False(t, s.late(99))
	require.True(t, s.feed([]byte("4 tick 200\n")))
	require.False(t, s.late(199))
}

func TestAWaitEndsAtItsMomentAndNotBefore(t *testing.T) {
	for d, want := range map[time.Duration]int{0: 0, 1: 1, time.Millisecond: 1, time.Millisecond + 1: 2, wake: 250} {
		require.Equal(t, want, milliseconds(d))
	}
}

func TestWhatIsNotTheProtocolIsRefused(t *testing.T) {
	for _, bad := range []string{"x\n", "1\n", "run a\n", "1 started 1 0 a\n", "1 started 0 0 a\n", "1 started -5 0 a\n", "1 started x 0 a\n", "1 started 5 x a\n", "1 ended 1 a\n", "1 tick x\n", "1 tick 0\n", "1 tick -5\n", strings.Repeat("9", maxLine+1)} {
		require.False(t, newState().feed([]byte(bad)), "%q", bad)
	}
}

func FuzzFeed(f *testing.F) {
	f.Add([]byte("1 run a\n2 started 100 77 a\n3 ended 100 a\n4 tick 5\n"), 5)
	f.Add([]byte("1 started 1 0 a\n"), 1)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		whole, parts := newState(), newState()
		ok := whole.feed(b)
		cut = max(cut, -cut) % (len(b) + 1)
		if cut < 0 {
			return
		}
		if parts.feed(b[:cut]) && parts.feed(b[cut:]) {
			require.True(t, ok)
			require.Equal(t, whole.groups, parts.groups)
			require.Equal(t, whole.newest, parts.newest)
		}
		for group := range whole.groups {
			require.Greater(t, group, 1, "a group that would mean everything")
		}
	})
}
