package executor

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzParseAnswer: the guard's answers are numbers in one form.
func FuzzParseAnswer(f *testing.F) {
	for _, seed := range []string{"ok 1", "ok 18446744073709551615", "ok", "ok -1", "ok  1", "no 1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		n, ok := parseAnswer(line)
		if ok {
			again, ok := parseAnswer(fmt.Sprintf("ok %d", n))
			require.True(t, ok)
			require.Equal(t, n, again)
		}
	})
}
