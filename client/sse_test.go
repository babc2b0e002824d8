package client

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func readAll(r io.Reader) ([]message, error) {
	reader := newSSEReader(r)
	var all []message
	for {
		m, err := reader.next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, m)
	}
}

func TestSSE(t *testing.T) {
	tests := []struct {
		name, in string
		want     []message
	}{
		{"nothing", "", nil},
		{"one", "event: log\nid: 7\ndata: x\n\n", []message{{"7", "log", "x"}}},
		{"line ends", "data: a\r\rdata: b\r\n\r\ndata: c\n\n", []message{{"", "message", "a"}, {"", "message", "b"}, {"", "message", "c"}}},
		{"byte order mark", "\ufeffdata: a\n\n", []message{{"", "message", "a"}}},
		{"several lines of data", "data: a\ndata:\ndata:b\n\n", []message{{"", "message", "a\n\nb"}}},
		{"one blank is taken off", "data:  a\n\n", []message{{"", "message", " a"}}},
		{"comments and unknown fields", ": ping\nretry: 5\nnothing\ndata: a\n: x\n\n", []message{{"", "message", "a"}}},
		{"an id lasts", "id: 3\ndata: a\n\ndata: b\n\n", []message{{"3", "message", "a"}, {"3", "message", "b"}}},
		{"an id without data counts", "id: 3\n\ndata: b\n\n", []message{{"3", "message", "b"}}},
		{"an id with NUL does not", "id: 3\nid: 4\x00\ndata: a\n\n", []message{{"3", "message", "a"}}},
		{"an event without data is none", "event: x\n\ndata: a\n\n", []message{{"", "message", "a"}}},
		{"empty data is one", "data\n\n", []message{{"", "message", ""}}},
		{"a cut event is none", "data: a\n\ndata: b\n", []message{{"", "message", "a"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := readAll(strings.NewReader(test.in))
			require.NoError(t, err)
			require.Equal(t, test.want, got)
			got, err = readAll(iotest.OneByteReader(strings.NewReader(test.in)))
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

func TestSSEIsBounded(t *testing.T) {
	endless := io.MultiReader(strings.NewReader("data: "), repeat('x'))
	_, err := readAll(endless)
	require.ErrorContains(t, err, "a line of the stream")
	_, err = readAll(lines("data: " + strings.Repeat("x", 1000) + "\n"))
	require.ErrorContains(t, err, "an event of the stream")
}

// repeat is an endless stream of one byte, lines one of a line.
type repeat byte

func (r repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r)
	}
	return len(p), nil
}

type lines string

func (l lines) Read(p []byte) (int, error) { return copy(p, l), nil }

func FuzzSSE(f *testing.F) {
	for _, seed := range []string{"event: log\nid: 7\ndata: x\n\n", "data: a\r\rdata: b\r\n\r\n", ": c\n\n", "\ufeffid\n\n", "data\n\n\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		whole, err := readAll(strings.NewReader(string(in)))
		require.NoError(t, err)
		bytewise, err := readAll(iotest.OneByteReader(strings.NewReader(string(in))))
		require.NoError(t, err)
		require.Equal(t, whole, bytewise, "how the bytes arrive must not matter")
		for _, m := range whole {
			require.NotEmpty(t, m.event)
			require.NotContains(t, m.id, "\x00")
			require.NotContains(t, m.event, "\n")
			require.LessOrEqual(t, len(m.data), len(in))
		}
	})
}
