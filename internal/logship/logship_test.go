package logship_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/kedrod/kedrod/internal/compress"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/joblog"
	"github.com/kedrod/kedrod/internal/logship"
	"github.com/kedrod/kedrod/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ref = job.Ref{JobID: "0193", Attempt: 1, Worker: "w"}

// kept is a store that fails when it is told to.
type kept struct {
	mu     sync.Mutex
	away   error
	heads  map[store.LogStream]store.LogHead
	pieces map[store.LogStream]map[int64]store.LogPiece
	calls  int
}

func newKept() *kept {
	return &kept{heads: map[store.LogStream]store.LogHead{}, pieces: map[store.LogStream]map[int64]store.LogPiece{store.LogText: {}, store.LogEvents: {}}}
}

func (k *kept) AddLog(_ context.Context, _ job.Ref, stream store.LogStream, head store.LogHead, pieces []store.LogPiece) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.away != nil {
		return k.away
	}
	k.calls++
	k.heads[stream] = head
	for _, p := range pieces {
		k.pieces[stream][p.Offset] = p
	}
	return nil
}

func (k *kept) goAway(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.away = err
}

func (k *kept) head(stream store.LogStream) store.LogHead {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.heads[stream]
}

// text puts the pieces together.
func (k *kept) text(t require.TestingT, stream store.LogStream) []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := make([]byte, k.heads[stream].Size)
	covered := make([]bool, len(out))
	var packer compress.Packer
	for _, p := range k.pieces[stream] {
		require.Positive(t, p.Length)
		b, err := packer.Unpack(p.Packed, p.Length)
		require.NoError(t, err)
		require.Len(t, b, p.Length)
		copy(out[p.Offset:], b)
		for i := range b {
			covered[p.Offset+int64(i)] = true
		}
	}
	require.NotContains(t, covered, false, "a byte is missing")
	return out
}

type rig struct {
	*kept
	*logship.Shipper
	marks, log, events string
}

func newRig(t require.TestingT, dir string, k *kept) *rig {
	r := &rig{kept: k, marks: filepath.Join(dir, "marks"), log: filepath.Join(dir, "run.log"), events: filepath.Join(dir, "events.jsonl")}
	var err error
	r.Shipper, err = logship.New(logship.Options{Store: k, Packer: &compress.Packer{}, Marks: r.marks, Every: time.Millisecond, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return r
}

func (r *rig) write(t require.TestingT, path string, b []byte) {
	f, err := joblog.Create(path)
	require.NoError(t, err)
	_, err = f.Write(b)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func (r *rig) marked(t require.TestingT) int {
	entries, err := os.ReadDir(r.marks)
	require.NoError(t, err)
	return len(entries)
}

// run starts Run and gives what ends it.
func (r *rig) run(t *testing.T) func() {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return func() { cancel(); require.NoError(t, <-done) }
}

const patience = time.Minute

func TestALogIsThereWhileItGrowsAndWholeAtItsEnd(t *testing.T) {
	r := newRig(t, t.TempDir(), newKept())
	require.NoError(t, r.Begin(ref, r.log, r.events))
	stop := r.run(t)
	defer stop()
	var want []byte
	for range 5 {
		b := bytes.Repeat([]byte("line of a log\n"), 1+rand.IntN(3000))
		want = append(want, b...)
		r.write(t, r.log, b)
		require.Eventually(t, func() bool { return r.head(store.LogText).Size == int64(len(want)) }, patience, time.Millisecond)
		require.Equal(t, want, r.text(t, store.LogText))
		require.False(t, r.head(store.LogText).Whole)
	}
	require.Equal(t, 1, r.marked(t))
	r.write(t, r.events, []byte("{}\n"))
	r.write(t, r.log, []byte("last words"))
	require.NoError(t, r.Finish(t.Context(), ref))
	require.Equal(t, append(want, "last words"...), r.text(t, store.LogText))
	require.True(t, r.head(store.LogText).Whole)
	require.Equal(t, "{}\n", string(r.text(t, store.LogEvents)))
	require.True(t, r.head(store.LogEvents).Whole)
	require.Zero(t, r.marked(t))
	require.NoError(t, r.Finish(t.Context(), ref), "it may be asked again")
}

func TestALogOutlastsAnOutageAndItsProcess(t *testing.T) {
	dir, k := t.TempDir(), newKept()
	r := newRig(t, dir, k)
	require.NoError(t, r.Begin(ref, r.log, r.events))
	r.write(t, r.log, []byte("all of it\n"))
	away := errors.New("away")
	k.goAway(away)
	require.ErrorIs(t, r.Finish(t.Context(), ref), away)
	require.Equal(t, 1, r.marked(t))

	again := newRig(t, dir, k) // another process
	stop := again.run(t)
	defer stop()
	k.goAway(nil)
	require.Eventually(t, func() bool { return again.marked(t) == 0 }, patience, time.Millisecond)
	require.Equal(t, "all of it\n", string(k.text(t, store.LogText)))
	require.True(t, k.head(store.LogText).Whole)
}

// What was deleted before it was handed over is never called whole.
func TestALogThatIsGoneIsNotWhole(t *testing.T) {
	for name, adopted := range map[string]bool{"its own": false, "an earlier process's": true} {
		t.Run(name, func(t *testing.T) {
			dir, k := t.TempDir(), newKept()
			r := newRig(t, dir, k)
			require.NoError(t, r.Begin(ref, r.log, r.events))
			stop := r.run(t)
			r.write(t, r.log, []byte("some of it\n"))
			require.Eventually(t, func() bool { return r.head(store.LogText).Size == 11 }, patience, time.Millisecond)
			stop()
			require.NoError(t, os.Remove(r.log))
			if adopted {
				r = newRig(t, dir, k)
				stop = r.run(t)
				require.Eventually(t, func() bool { return r.marked(t) == 0 }, patience, time.Millisecond)
				stop()
			} else {
				require.NoError(t, r.Finish(t.Context(), ref))
				require.Zero(t, r.marked(t))
			}
			require.Equal(t, store.LogHead{Size: 11}, k.head(store.LogText))
		})
	}
}

// One whose file can't be read holds up no other.
func TestABadLogHoldsUpNoOther(t *testing.T) {
	r := newRig(t, t.TempDir(), newKept())
	bad := ref
	bad.JobID = "bad"
	require.NoError(t, r.Begin(bad, filepath.Dir(r.marks), r.events)) // a folder
	require.NoError(t, r.Begin(ref, r.log, r.events))
	stop := r.run(t)
	defer stop()
	for n := range 20 {
		r.write(t, r.log, []byte("x"))
		require.Eventually(t, func() bool { return r.head(store.LogText).Size == int64(n+1) }, patience, time.Millisecond)
	}
}

func TestNothingIsHandedOverOfAJobThatIsGone(t *testing.T) {
	r := newRig(t, t.TempDir(), newKept())
	require.NoError(t, r.Begin(ref, r.log, r.events))
	r.write(t, r.log, []byte("x"))
	r.goAway(job.ErrFenced)
	require.NoError(t, r.Finish(t.Context(), ref))
	require.Zero(t, r.marked(t))
}

func TestASlowLogIsFewPieces(t *testing.T) {
	r := newRig(t, t.TempDir(), newKept())
	require.NoError(t, r.Begin(ref, r.log, r.events))
	stop := r.run(t)
	defer stop()
	for n := range 100 {
		r.write(t, r.log, []byte("one line more of a slow log\n"))
		require.Eventually(t, func() bool { return r.head(store.LogText).Size == int64(28*(n+1)) }, patience, time.Millisecond)
	}
	require.NoError(t, r.Finish(t.Context(), ref))
	require.Len(t, r.pieces[store.LogText], 1)
}

// TestAnyLogComesOverAsItIs: what others read of the pieces is what is read of the file,
// however it grows and is kept within a limit meanwhile.
func TestAnyLogComesOverAsItIs(t *testing.T) {
	all := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		dir := filepath.Join(all, strconv.FormatUint(rand.Uint64(), 36))
		require.NoError(t, os.Mkdir(dir, 0o700))
		r := newRig(t, dir, newKept())
		require.NoError(t, r.Begin(ref, r.log, r.events))
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		for n := range rapid.IntRange(1, 6).Draw(t, "writes") {
			line := append(bytes.Repeat([]byte{byte('a' + n)}, rapid.IntRange(0, 300).Draw(t, "line")), '\n')
			r.write(t, r.log, bytes.Repeat(line, rapid.IntRange(1, 3000).Draw(t, "lines")))
			if rapid.Bool().Draw(t, "trims") {
				_, err := joblog.Trim(r.log, joblog.Limit{Bytes: 200_000, Head: 10_000})
				require.NoError(t, err)
			}
		}
		require.NoError(t, r.Finish(context.Background(), ref))
		cancel()
		require.NoError(t, <-done)

		local, err := joblog.Open(r.log)
		require.NoError(t, err)
		defer local.Close()
		remote, err := joblog.NewRemote(context.Background(), logship.NewReader(r.reading(), &compress.Packer{}).Pieces(ref.JobID, ref.Attempt, store.LogText))
		require.NoError(t, err)
		require.Equal(t, read(t, local), read(t, remote.Log()))
	})
}

func read(t require.TestingT, l *joblog.Log) string {
	reader, err := l.Reader(0, -1)
	require.NoError(t, err)
	b, err := io.ReadAll(reader)
	require.NoError(t, err)
	return string(b)
}

// reading is what a store answers that has the pieces.
func (k *kept) reading() logship.Reading { return reading{k} }

type reading struct{ *kept }

func (r reading) LogHead(_ context.Context, _ string, _ int, stream store.LogStream) (store.LogHead, bool, error) {
	return r.head(stream), true, nil
}

func (r reading) LogPieces(_ context.Context, _ string, _ int, stream store.LogStream, off int64) ([]store.LogPiece, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var best *store.LogPiece
	for _, p := range r.pieces[stream] {
		if p.Offset+int64(p.Length) > off && (best == nil || p.Offset < best.Offset) {
			best = &p
		}
	}
	if best == nil {
		return nil, nil
	}
	return []store.LogPiece{*best}, nil
}
