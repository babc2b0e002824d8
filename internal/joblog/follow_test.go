package joblog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// follow gathers a log from an offset on, checking that chunks join.
func follow(w *Watcher, path string, from int64, ended <-chan struct{}) ([]byte, error) {
	var got []byte
	at := from
	err := w.Follow(context.Background(), path, from, ended, func(c Chunk) error {
		if c.Offset != at {
			return fmt.Errorf("chunk at %d, expected %d", c.Offset, at)
		}
		if c.LeftOut == 0 && c.Next != c.Offset+int64(len(c.Data)) {
			return fmt.Errorf("chunk %d..%d of %d bytes", c.Offset, c.Next, len(c.Data))
		}
		got = append(got, c.Data...)
		at = c.Next
		return nil
	})
	return got, err
}

func TestFollowersGetEveryByteOnce(t *testing.T) {
	path := writeLog(t, []byte("before\n"))
	w := NewWatcher(Options{Interval: time.Millisecond})
	ended := make(chan struct{})
	const followers = 20
	got := make([][]byte, followers)
	errs := make([]error, followers)
	var wg sync.WaitGroup
	for i := range followers {
		wg.Go(func() { got[i], errs[i] = follow(w, path, int64(i%3), ended) })
	}
	written := []byte("before\n")
	run, err := Create(path)
	require.NoError(t, err)
	for i := range 3000 {
		b := []byte(fmt.Sprintf("line %d %s", i, bytes.Repeat([]byte("."), rand.IntN(300))))
		if i%7 != 0 {
			b = append(b, '\n')
		}
		_, err := run.Write(b)
		require.NoError(t, err)
		written = append(written, b...)
	}
	require.NoError(t, run.Close())
	close(ended)
	wg.Wait()
	for i := range followers {
		require.NoError(t, errs[i])
		require.True(t, bytes.Equal(written[i%3:], got[i]), "follower %d has %d of %d bytes", i, len(got[i]), len(written))
	}
}

func TestFollowEndsOnlyWithTheLastByte(t *testing.T) {
	path := writeLog(t, nil)
	w := NewWatcher(Options{Interval: time.Hour}) // what comes is seen only because the run ended
	ended := make(chan struct{})
	result := make(chan []byte)
	go func() {
		b, _ := follow(w, path, 0, ended)
		result <- b
	}()
	appendTo(t, path, []byte("last words without a line break"))
	close(ended)
	require.Equal(t, "last words without a line break", string(<-result))
	// An hour's tick must not outlive the test.
	w.mu.Lock()
	require.Empty(t, w.files)
	w.mu.Unlock()
}

// TestFollowAcrossTrims: what a follower gets is the log with some stretches replaced by an honest count.
func TestFollowAcrossTrims(t *testing.T) {
	path := writeLog(t, nil)
	w := NewWatcher(Options{Interval: time.Millisecond})
	lift, err := w.Bound(path, Limit{Bytes: 300_000, Head: 10_000})
	require.NoError(t, err)
	ended := make(chan struct{})
	var sum, left atomic.Int64
	bad := make(chan error, 1)
	go func() {
		bad <- w.Follow(context.Background(), path, 0, ended, func(c Chunk) error {
			if c.LeftOut > 0 {
				left.Add(c.LeftOut)
				return nil
			}
			sum.Add(int64(len(c.Data)))
			if bytes.IndexByte(c.Data, 0) >= 0 {
				return errors.New("zeros of a hole were served")
			}
			return nil
		})
	}()
	run, err := Create(path)
	require.NoError(t, err)
	line := append(bytes.Repeat([]byte("y"), 199), '\n')
	for range 20000 {
		_, err := run.Write(line)
		require.NoError(t, err)
	}
	require.NoError(t, run.Close())
	lift()
	close(ended)
	require.NoError(t, <-bad)
	require.EqualValues(t, 20000*len(line), sum.Load()+left.Load(), "bytes served and bytes counted as left out are all")
	g := gapOf(t, path)
	require.LessOrEqual(t, 20000*int64(len(line))-g.size(), int64(300_000))
	require.Less(t, onDisk(t, path), int64(300_000+8192))
}

func TestFollowErrors(t *testing.T) {
	w := NewWatcher(Options{Interval: time.Millisecond})
	never := make(chan struct{})
	err := w.Follow(t.Context(), t.TempDir()+"/none", 0, never, func(Chunk) error { return nil })
	require.ErrorIs(t, err, os.ErrNotExist)
	path := writeLog(t, []byte("x"))
	stop := errors.New("enough")
	require.ErrorIs(t, w.Follow(t.Context(), path, 0, never, func(Chunk) error { return stop }), stop)
	ctx, cancel := context.WithCancel(t.Context())
	err = w.Follow(ctx, path, 0, never, func(Chunk) error { cancel(); return nil })
	require.ErrorIs(t, err, context.Canceled)
}

// TestManyFollowersAreCheap: one open file and one watch for all, and little memory each while they wait.
func TestManyFollowersAreCheap(t *testing.T) {
	path := writeLog(t, bytes.Repeat([]byte("z"), 3*chunkSize))
	w := NewWatcher(Options{Interval: 20 * time.Millisecond})
	ended := make(chan struct{})
	var there atomic.Int64
	var wg sync.WaitGroup
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const followers = 2000
	for range followers {
		wg.Go(func() {
			_ = w.Follow(context.Background(), path, 0, ended, func(c Chunk) error { there.Add(int64(len(c.Data))); return nil })
		})
	}
	require.Eventually(t, func() bool { return there.Load() == followers*3*chunkSize }, 20*time.Second, 5*time.Millisecond)
	w.mu.Lock()
	require.Len(t, w.files, 1)
	require.Equal(t, followers, w.files[path].users)
	w.mu.Unlock()
	runtime.GC()
	runtime.GC() // a pool lets go of what is not in use after the second
	runtime.ReadMemStats(&after)
	each := (int64(after.HeapAlloc+after.StackInuse) - int64(before.HeapAlloc+before.StackInuse)) / followers
	require.Less(t, each, int64(16<<10), "bytes for a follower that waits")
	t.Logf("%d bytes for each of %d followers", each, followers)
	close(ended)
	wg.Wait()
}
