package joblog

import (
	"bytes"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func onDisk(t *testing.T, path string) int64 {
	t.Helper()
	st, err := os.Stat(path)
	require.NoError(t, err)
	return st.Sys().(*syscall.Stat_t).Blocks * 512
}

func TestTrimGivesDiskBackWhileTheRunGoesOn(t *testing.T) {
	line := []byte("a line of some thirty bytes ..\n")
	path := writeLog(t, bytes.Repeat(line, 1_000_000)) // 31 MB
	run, err := Create(path)
	require.NoError(t, err)
	defer run.Close()

	left, err := Trim(path, Limit{Bytes: 8_000_000})
	require.NoError(t, err)
	require.InDelta(t, 24_000_000, left, 100_000)
	require.Less(t, onDisk(t, path), int64(8_000_000+8192))
	_, err = run.WriteString("the end\n")
	require.NoError(t, err)

	l := openLog(t, path)
	size, err := l.Size()
	require.NoError(t, err)
	require.EqualValues(t, 31_000_008, size, "offsets go on as if nothing had been left out")
	got := readAll(t, l, 0, -1)
	require.NotContains(t, string(got), "\x00")
	require.Contains(t, string(got), "\n[kedrod: "+commas(left)+" bytes left out here; the log's limit is 8 MB]\n")
	require.True(t, bytes.HasSuffix(got, []byte("\nthe end\n")))
	require.Len(t, got, int(size-left)+len("[kedrod: 24,000,000 bytes left out here; the log's limit is 8 MB]\n"))
	require.Zero(t, gapOf(t, path).From%int64(len(line)), "cut at the end of a line")
	require.Zero(t, gapOf(t, path).To%int64(len(line)), "cut at the beginning of a line")

	again, err := Trim(path, Limit{Bytes: 8_000_000})
	require.NoError(t, err)
	require.Equal(t, left, again)
}

// punchedBefore is a file that loses its middle in the moment before it is read.
type punchedBefore struct {
	*os.File
	trim func()
}

func (p punchedBefore) ReadAt(b []byte, off int64) (int, error) {
	p.trim()
	return p.File.ReadAt(b, off)
}

func TestZerosOfAHoleAreNeverServed(t *testing.T) {
	path := writeLog(t, bytes.Repeat([]byte("0123456789\n"), 10000))
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	l := &Log{source: &local{path: path, file: punchedBefore{f, func() {
		_, err := Trim(path, Limit{Bytes: 50_000, Head: 1000})
		require.NoError(t, err)
	}}}}
	c, err := l.ReadChunk(2000, make([]byte, 1000))
	require.NoError(t, err)
	require.Contains(t, string(c.Data), "bytes left out here")
	require.Equal(t, gapOf(t, path).To, c.Next)
	require.Equal(t, c.Next-2000, c.LeftOut)
}

func TestTrimLeavesWhatIsWithinTheLimit(t *testing.T) {
	path := writeLog(t, bytes.Repeat([]byte("x\n"), 1000))
	for _, limit := range []Limit{{}, {Bytes: 2000}, {Bytes: -1}} {
		left, err := Trim(path, limit)
		require.NoError(t, err)
		require.Zero(t, left)
		require.NoFileExists(t, GapPath(path))
	}
}

func TestSizeText(t *testing.T) {
	for n, want := range map[int64]string{50_000_000: "50 MB", 1 << 20: "1 MiB", 2_000_000_000: "2 GB", 1234: "1,234 bytes", 999: "999 bytes", 64 << 10: "64 KiB"} {
		require.Equal(t, want, sizeText(n))
	}
	require.Equal(t, "12,345,678", commas(12345678))
	require.Equal(t, "345,678", commas(345678))
	require.Equal(t, "1", commas(1))
}
