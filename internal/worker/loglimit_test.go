package worker_test

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/joblog"
)

// TestALogStaysWithinItsLimitWhileTheRunGoesOn: what a run prints can't fill the disk,
// in lines or without; its beginning and end stay, and what is left out is counted to
// the byte.
func TestALogStaysWithinItsLimitWhileTheRunGoesOn(t *testing.T) {
	for pipeline, c := range map[string]struct {
		printed    int64
		first, end string
		added      int64 // a line's end before the notice, where it stands within a line
	}{
		"loud":  {6_000_000, "a line of a log\na line", "a line of a log\n", 0},
		"lines": {14_888_896, "1\n2\n3\n", "1999999\n2000000\n", 0},
		"line":  {64_000_000 + 11, "begin\nzzz", "zzz\nend\n", 1},
	} {
		t.Run(pipeline, func(t *testing.T) {
			r := newRig(t)
			r.opts.LogSize = 2 << 20
			r.start()
			j := r.submit(pipeline, nil)
			dir := r.runs.Attempt(j.ID, 1)
			r.begun(j.ID, 1)
			require.Eventually(t, func() bool {
				size, err := dir.Size()
				return err == nil && size > 1<<20 && size <= 2<<20
			}, 20*time.Second, 10*time.Millisecond, "the log is not bounded")
			require.False(t, r.get(j.ID).Status.Terminal())

			l, err := joblog.Open(dir.Log())
			require.NoError(t, err)
			defer l.Close()
			size, err := l.Size()
			require.NoError(t, err)
			require.Equal(t, c.printed, size)
			v, err := l.View()
			require.NoError(t, err)
			kept, err := io.ReadAll(io.NewSectionReader(v, 0, v.Size()))
			require.NoError(t, err)
			require.True(t, bytes.HasPrefix(kept, []byte(c.first)))
			require.True(t, bytes.HasSuffix(kept, []byte(c.end)))
			at := bytes.Index(kept, []byte("[kedrod: "))
			require.Positive(t, at)
			notice, _, _ := bytes.Cut(kept[at:], []byte("\n"))
			var leftOut int64
			_, err = fmt.Sscan(strings.ReplaceAll(strings.Fields(string(notice))[1], ",", ""), &leftOut)
			require.NoError(t, err)
			require.Equal(t, c.printed, int64(len(kept)-len(notice)-1)-c.added+leftOut, string(notice))
			require.Less(t, len(kept), 2<<20+len(notice)+1)
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			require.Less(t, m.HeapAlloc, uint64(32<<20), "what a run prints is not held")
		})
	}
}
