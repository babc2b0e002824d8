package joblog

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// shipped is a log in pieces, as a store has it.
type shipped struct {
	mu      sync.Mutex
	head    Head
	pieces  []Piece
	fetches int
	most    int // pieces an answer
}

func (s *shipped) Head(context.Context) (Head, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head, nil
}

func (s *shipped) Pieces(_ context.Context, off int64) (out []Piece, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetches++
	for _, p := range s.pieces {
		if p.end() > off && len(out) < s.most {
			out = append(out, p)
		}
	}
	return out, nil
}

// ship brings the pieces up to the log on disk, at most n bytes a piece; merge: the last
// one grows.
func (s *shipped) ship(t require.TestingT, l *Log, n int, merge bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	size, err := l.Size()
	require.NoError(t, err)
	for at := s.head.Size; at < size; {
		c, err := l.ReadChunk(at, make([]byte, min(int64(n), size-at)))
		require.NoError(t, err)
		if at = c.Next; c.LeftOut > 0 {
			continue
		}
		if k := len(s.pieces) - 1; merge && k >= 0 && s.pieces[k].end() == c.Offset && len(s.pieces[k].Data) < n {
			s.pieces[k].Data = append(bytes.Clone(s.pieces[k].Data), c.Data...)
			continue
		}
		s.pieces = append(s.pieces, Piece{c.Offset, bytes.Clone(c.Data)})
	}
	g, err := l.LeftOut()
	require.NoError(t, err)
	s.head = Head{Size: size, LeftOut: g}
	s.pieces = slices.DeleteFunc(s.pieces, func(p Piece) bool { return p.Offset >= g.From && p.end() <= g.To })
}

// TestRemoteEqualsLocal: whatever is written and left out, and however it is cut into
// pieces, the log in pieces reads like the one on disk, once it was refreshed.
func TestRemoteEqualsLocal(t *testing.T) {
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
		local, err := Open(path)
		require.NoError(t, err)
		defer local.Close()
		s := &shipped{most: rapid.IntRange(1, 5).Draw(t, "pieces an answer")}
		r, err := NewRemote(context.Background(), s)
		require.NoError(t, err)
		t.Repeat(map[string]func(*rapid.T){
			"write": func(t *rapid.T) {
				line := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "line")
				_, err := f.Write(bytes.Repeat(append(line, rapid.SampledFrom([]string{"", "\n", "\r\n"}).Draw(t, "end")...), rapid.IntRange(1, 400).Draw(t, "times")))
				require.NoError(t, err)
			},
			"trim": func(t *rapid.T) {
				_, err := Trim(path, Limit{Bytes: int64(rapid.IntRange(2000, 20_000).Draw(t, "limit")), Head: 300})
				require.NoError(t, err)
			},
			"ship": func(t *rapid.T) {
				s.ship(t, local, rapid.IntRange(1, 5000).Draw(t, "piece"), rapid.Bool().Draw(t, "merge"))
			},
			"read": func(t *rapid.T) {
				s.ship(t, local, 1000, true)
				old, stale := r.Log(), r.Head().Size
				_, err := io.Copy(io.Discard, must(old.Reader(0, stale))) // what went meanwhile is no error
				require.NoError(t, err)
				require.NoError(t, r.Refresh())
				size, err := local.Size()
				require.NoError(t, err)
				from := rapid.Int64Range(0, size).Draw(t, "from")
				require.True(t, bytes.Equal(readAll(t, local, from, -1), readAll(t, r.Log(), from, -1)), "from %d of %d", from, size)
				n := rapid.IntRange(-1, 30).Draw(t, "lines")
				want, err := local.Tail(n)
				require.NoError(t, err)
				got, err := r.Log().Tail(n)
				require.NoError(t, err)
				require.Equal(t, want, got)
				a, err := local.View()
				require.NoError(t, err)
				b, err := r.Log().View()
				require.NoError(t, err)
				require.Equal(t, a.Size(), b.Size())
				require.Equal(t, a.Tag(), b.Tag())
				if a.Size() > 0 {
					at := rapid.Int64Range(0, a.Size()-1).Draw(t, "at")
					x, y := make([]byte, 700), make([]byte, 700)
					n, _ := a.ReadAt(x, at)
					k, _ := b.ReadAt(y, at)
					require.Equal(t, x[:n], y[:k])
				}
			},
		})
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestRemoteFollowedByMany: however many follow, pieces are fetched once, and each gets
// every byte, also one that comes back at any offset.
func TestRemoteFollowedByMany(t *testing.T) {
	path := writeLog(t, bytes.Repeat([]byte("0123456789\n"), 900))
	local := openLog(t, path)
	s := &shipped{most: 3}
	r, err := NewRemote(t.Context(), s)
	require.NoError(t, err)
	w := NewWatcher(Options{Interval: time.Millisecond})
	ended := make(chan struct{})
	const followers = 300
	got := make([][]byte, followers)
	errs := make([]error, followers)
	var wg sync.WaitGroup
	for i := range followers {
		wg.Go(func() {
			errs[i] = w.FollowRemote(t.Context(), r, int64(33*i), ended, func(c Chunk) error {
				got[i] = append(got[i], c.Data...)
				return nil
			})
		})
	}
	for range 20 {
		appendTo(t, path, bytes.Repeat([]byte("more\n"), 1000))
		s.ship(t, local, 4000, false)
		require.NoError(t, r.Refresh())
	}
	close(ended)
	wg.Wait()
	for i := range followers {
		require.NoError(t, errs[i])
		require.True(t, bytes.Equal(readAll(t, local, int64(33*i), -1), got[i]), "follower %d", i)
	}
	require.LessOrEqual(t, s.fetches, 2*len(s.pieces), "not one for each follower")
}

// TestRemoteKeepsLittle of what it has read.
func TestRemoteKeepsLittle(t *testing.T) {
	path := writeLog(t, bytes.Repeat([]byte("0123456789abcde\n"), 1<<19))
	local := openLog(t, path)
	s := &shipped{most: 2}
	s.ship(t, local, 256<<10, false)
	r, err := NewRemote(t.Context(), s)
	require.NoError(t, err)
	require.True(t, bytes.Equal(readAll(t, local, 0, -1), readAll(t, r.Log(), 0, -1)))
	require.LessOrEqual(t, r.held, keptPieces)
	require.Len(t, r.used, len(r.kept))
}

// TestRemoteLost: bytes that are gone without a word are an error, not zeros.
func TestRemoteLost(t *testing.T) {
	s := &shipped{most: 2, head: Head{Size: 10}, pieces: []Piece{{0, []byte("abc")}, {5, []byte("fghij")}}}
	r, err := NewRemote(t.Context(), s)
	require.NoError(t, err)
	_, err = io.ReadAll(must(r.Log().Reader(0, -1)))
	require.ErrorIs(t, err, errMissing)
}
