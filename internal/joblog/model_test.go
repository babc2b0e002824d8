package joblog

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// model is a log as plain bytes: what the run wrote, and which part of it is left out.
type model struct {
	written []byte
	gap     Gap
}

// served is what a reader from an offset to the end should get.
func (m model) served(from int64) []byte {
	g := m.gap
	if g.size() == 0 || from >= g.To {
		return m.written[from:]
	}
	rest := m.written[g.To:]
	line := fmt.Sprintf("[kedrod: %s bytes left out here; the log's limit is %s]\n", commas(g.To-max(from, g.From)), sizeText(g.Limit))
	if from > g.From {
		return append([]byte(line), rest...)
	}
	if g.From > 0 && m.written[g.From-1] != '\n' {
		line = "\n" + line
	}
	return slicesConcat(m.written[from:g.From], []byte(line), rest)
}

func slicesConcat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// tail is the last n lines as served: split the whole text, take the last ones.
func (m model) tail(n int) []byte {
	lines := bytes.SplitAfter(m.served(0), []byte("\n"))
	if len(lines[len(lines)-1]) == 0 {
		lines = lines[:len(lines)-1]
	}
	return bytes.Join(lines[max(0, len(lines)-n):], nil)
}

func readAll(t require.TestingT, l *Log, from, to int64) []byte {
	r, err := l.Reader(from, to)
	require.NoError(t, err)
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	return b
}

// TestReadersAgreeWithModel writes, bounds and reads a log in any order.
func TestReadersAgreeWithModel(t *testing.T) {
	dir := t.TempDir()
	count := 0
	rapid.Check(t, func(t *rapid.T) {
		count++
		path := filepath.Join(dir, fmt.Sprint(count))
		defer os.Remove(path)
		defer os.Remove(GapPath(path))
		f, err := Create(path)
		require.NoError(t, err)
		defer f.Close()
		l, err := Open(path)
		require.NoError(t, err)
		defer l.Close()
		var m model
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				line := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "line")
				b := bytes.Repeat(append(line, rapid.SampledFrom([]string{"", "\n", "\n\n", "\r\n"}).Draw(t, "end")...), rapid.IntRange(1, 400).Draw(t, "times"))
				_, err := f.Write(b)
				require.NoError(t, err)
				m.written = append(m.written, b...)
			},
			"trim": func(t *rapid.T) {
				limit := Limit{Bytes: rapid.Int64Range(1, 20000).Draw(t, "limit"), Head: rapid.Int64Range(1, 5000).Draw(t, "head")}
				left, err := Trim(path, limit)
				require.NoError(t, err)
				before := m.gap
				m.gap, err = readGap(path)
				require.NoError(t, err)
				require.Equal(t, m.gap.size(), left)
				require.LessOrEqual(t, int64(len(m.written))-left, max(limit.Bytes, before.From), "an older, larger head stays")
				require.GreaterOrEqual(t, m.gap.To, before.To)
				if before.size() > 0 {
					require.Equal(t, before.From, m.gap.From)
				}
			},
			"": func(t *rapid.T) {
				size, err := l.Size()
				require.NoError(t, err)
				require.EqualValues(t, len(m.written), size)
				from := rapid.Int64Range(0, size).Draw(t, "from")
				require.Equal(t, string(m.served(from)), string(readAll(t, l, from, -1)))
				n := rapid.IntRange(1, 500).Draw(t, "n")
				off, err := l.Tail(n)
				require.NoError(t, err)
				got := readAll(t, l, off, -1)
				want := m.tail(n)
				if off == m.gap.From && m.gap.size() > 0 { // the break that sets the line apart is not a part of it
					got = bytes.TrimPrefix(got, []byte("\n"))
					want = bytes.TrimPrefix(want, []byte("\n"))
				}
				require.Equal(t, string(want), string(got), "tail %d", n)

				v, err := l.View()
				require.NoError(t, err)
				whole := m.served(0)
				require.EqualValues(t, len(whole), v.Size())
				a := rapid.IntRange(0, len(whole)).Draw(t, "a")
				part := make([]byte, rapid.IntRange(1, 9000).Draw(t, "len"))
				k, err := v.ReadAt(part, int64(a))
				if a+len(part) > len(whole) {
					require.ErrorIs(t, err, io.EOF)
				} else {
					require.NoError(t, err)
				}
				require.Equal(t, string(whole[a:min(len(whole), a+len(part))]), string(part[:k]))
			},
		})
	})
}

// FuzzTail compares the search backwards in blocks with splitting the text.
func FuzzTail(f *testing.F) {
	f.Add([]byte("a\nb\nc"), 2)
	f.Add([]byte("\n\n\n"), 1)
	f.Add(bytes.Repeat([]byte("x"), tailBlock+7), 1)
	f.Add(append(bytes.Repeat([]byte("x"), tailBlock-1), "\ny\n"...), 2)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, content []byte, n int) {
		n = 1 + max(n, -n)%1000
		path := filepath.Join(dir, "log")
		require.NoError(t, os.WriteFile(path, content, 0o600))
		l, err := Open(path)
		require.NoError(t, err)
		defer l.Close()
		off, err := l.Tail(n)
		require.NoError(t, err)
		want := model{written: content}.tail(n)
		require.Equal(t, string(want), string(content[off:]))
	})
}

func FuzzParseGap(f *testing.F) {
	f.Add([]byte("1048576 2000000 50000000\n"))
	f.Add([]byte("0 0 0\n"))
	f.Add([]byte("-1 5 1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := parseGap(b)
		if err != nil {
			return
		}
		require.Positive(t, g.size())
		again, err := parseGap([]byte(g.text()))
		require.NoError(t, err)
		require.Equal(t, g, again)
	})
}

func TestViewNoticesThatItIsOutdated(t *testing.T) {
	path := writeLog(t, bytes.Repeat([]byte("0123456789\n"), 10000))
	l := openLog(t, path)
	v, err := l.View()
	require.NoError(t, err)
	before := v.Tag()
	_, err = Trim(path, Limit{Bytes: 50000, Head: 1000})
	require.NoError(t, err)
	_, err = v.ReadAt(make([]byte, 100), 5000)
	require.ErrorIs(t, err, ErrMoved)
	n, err := v.ReadAt(make([]byte, 100), 0)
	require.NoError(t, err)
	require.Equal(t, 100, n)
	v, err = l.View()
	require.NoError(t, err)
	require.NotEqual(t, before, v.Tag())
}
