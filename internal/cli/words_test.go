package cli

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTook(t *testing.T) {
	for d, want := range map[time.Duration]string{-time.Second: "0 ms", 0: "0 ms", 310 * time.Millisecond: "310 ms", 999_499 * time.Microsecond: "999 ms",
		999_500 * time.Microsecond: "1.0 s", 12_400 * time.Millisecond: "12.4 s", 59_949 * time.Millisecond: "59.9 s", 59_950 * time.Millisecond: "1 min",
		222 * time.Second: "3 min 42 s", 3599*time.Second + 600*time.Millisecond: "1 h", 125 * time.Minute: "2 h 5 min", 24 * time.Hour: "1 d", 76 * time.Hour: "3 d 4 h"} {
		require.Equal(t, want, took(d), d.String())
	}
}

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "just now", 12 * time.Second: "12 s ago", 3 * time.Minute: "3 min ago", 47 * time.Hour: "47 h ago",
		72 * time.Hour: "3 d ago", -5 * time.Minute: "in 5 min"} {
		require.Equal(t, want, ago(now.Add(-d), now))
	}
}

func TestNumbersAndSizes(t *testing.T) {
	require.Equal(t, "1 job", count(1, "job"))
	require.Equal(t, "0 jobs", count(0, "job"))
	require.Equal(t, "1,234,567 jobs", count(1234567, "job"))
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1400: "1.4 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 50_000_000: "50.0 MB", 2_000_000_000_000: "2.0 TB"} {
		require.Equal(t, want, bytesOf(n))
	}
}

func TestShort(t *testing.T) {
	require.Equal(t, "ab12cd", short(idA))
	require.Equal(t, "task", short("task"))
}

// What quote writes, a shell reads as it was.
func TestQuoteIsReadBackByAShell(t *testing.T) {
	for _, word := range []string{"", "plain", "two words", "it's", `"$HOME" \n`, "`date`", "a\nb", "*", "é", "-x=1", "#", "~", "{a,b}", "!"} {
		out, err := exec.Command("sh", "-c", "printf %s "+quote(word)).Output()
		require.NoError(t, err)
		require.Equal(t, word, string(out))
	}
}

func TestTableFitsTheTerminal(t *testing.T) {
	table := table{head: []string{"ID", "DETAIL"}}
	table.row(plain("ab12cd"), plain(strings.Repeat("long ", 40)))
	var wide, narrow bytes.Buffer
	table.print(&wide, terminal{})
	require.Contains(t, wide.String(), strings.TrimSpace(strings.Repeat("long ", 40)))
	table.print(&narrow, terminal{tty: true, width: 30})
	for _, line := range strings.Split(narrow.String(), "\n") {
		require.LessOrEqual(t, len([]rune(line)), 30)
	}
	require.Contains(t, narrow.String(), "…")
}
