package joblog

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Options configures a Watcher.
type Options struct {
	Interval time.Duration // between two looks at the files; 0 means 100 ms
	Log      *slog.Logger  // nil: nothing is logged
}

// Watcher looks at growing logs: for those who follow them and for their limits. However many follow one log, it is looked at once and open once;
// a follower that waits holds no buffer. Looking is a stat call, so it works on every file system. The goroutine lives while there is something to
// look at.
type Watcher struct {
	interval time.Duration
	log      *slog.Logger
	buffers  sync.Pool

	wake    chan struct{} // there may be nothing to look at any more
	mu      sync.Mutex
	files   map[any]*watched // by path, or by *Remote
	looking bool             // the goroutine is there
}

// watched is one log in sight.
type watched struct {
	log     *Log
	users   int
	size    int64
	changed chan struct{} // closed, and replaced, when it has grown
	limit   *limiter      // nil if nobody bounds it
}

// limiter bounds one log.
type limiter struct {
	path   string
	limit  Limit
	mu     sync.Mutex // one Trim at a time
	failed bool       // told already
}

// chunkSize is how much a follower reads at a time. It is small, as each of thousands may hold one while its client reads slowly.
const chunkSize = 4 << 10

// NewWatcher makes a watcher. It needs no end of its own: nothing is left once the last Follow has returned and the last limit was lifted.
func NewWatcher(opts Options) *Watcher {
	if opts.Interval == 0 {
		opts.Interval = 100 * time.Millisecond
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	return &Watcher{
		interval: opts.Interval, log: opts.Log, files: map[any]*watched{}, wake: make(chan struct{}, 1),
		buffers: sync.Pool{New: func() any { b := make([]byte, chunkSize); return &b }},
	}
}

// Follow hands every byte of a log from an offset on to fn, in order and once, as it is written, and the line about bytes left out in the place of
// those. To go on later, start from the Next of the last chunk. Once ended is closed (the last writer is gone) it hands over what is there and
// returns nil. It returns fn's error if there is one, or ctx's. A chunk's Data is fn's until it returns.
func (w *Watcher) Follow(ctx context.Context, path string, from int64, ended <-chan struct{}, fn func(Chunk) error) error {
	return w.follow(ctx, path, func() (*Log, error) { return Open(path) }, from, ended, fn)
}

// FollowRemote does the same with a log that somebody else refreshes, the last time before ended is closed.
func (w *Watcher) FollowRemote(ctx context.Context, r *Remote, from int64, ended <-chan struct{}, fn func(Chunk) error) error {
	return w.follow(ctx, r, func() (*Log, error) { return r.Log(), nil }, from, ended, fn)
}

// follow follows what stands under a key, which open opens for the first.
func (w *Watcher) follow(ctx context.Context, key any, open func() (*Log, error), from int64, ended <-chan struct{}, fn func(Chunk) error) error {
	f, err := w.acquire(key, open)
	if err != nil {
		return err
	}
	defer w.release(key)
	at := from
	for {
		over := false
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ended:
			over = true // asked before reading: what is read now is all
		default:
		}
		w.mu.Lock()
		changed := f.changed
		w.mu.Unlock()
		if at, err = w.drain(ctx, f.log, at, fn); err != nil || over {
			return err
		}
		select {
		case <-changed:
		case <-ended:
		case <-ctx.Done():
		}
	}
}

// drain hands over what there is from an offset on and returns the next one.
func (w *Watcher) drain(ctx context.Context, l *Log, at int64, fn func(Chunk) error) (int64, error) {
	buf, _ := w.buffers.Get().(*[]byte) // New makes nothing else
	defer w.buffers.Put(buf)
	for ctx.Err() == nil {
		c, err := l.ReadChunk(at, *buf)
		if errors.Is(err, io.EOF) {
			return at, nil
		}
		if err != nil {
			return at, err
		}
		if err := fn(c); err != nil {
			return at, err
		}
		at = c.Next
	}
	return at, ctx.Err()
}

// Bound keeps a log within a limit while it is written. Between two looks it may grow past it. lift ends this, after a last look; call it when the
// run has ended. One log has one limit at a time.
func (w *Watcher) Bound(path string, limit Limit) (lift func(), err error) {
	f, err := w.acquire(path, func() (*Log, error) { return Open(path) })
	if err != nil {
		return nil, err
	}
	b := &limiter{path: path, limit: limit.withDefaults()}
	w.mu.Lock()
	f.limit = b
	w.mu.Unlock()
	return sync.OnceFunc(func() {
		w.trim(b)
		w.mu.Lock()
		f.limit = nil
		w.mu.Unlock()
		w.release(path)
	}), nil
}

// acquire takes a log into sight. The first one starts the looking.
func (w *Watcher) acquire(key any, open func() (*Log, error)) (*watched, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if f := w.files[key]; f != nil {
		f.users++
		return f, nil
	}
	l, err := open()
	if err != nil {
		return nil, err
	}
	f := &watched{log: l, users: 1, changed: make(chan struct{})}
	w.files[key] = f
	if !w.looking {
		w.looking = true
		go w.look()
	}
	return f, nil
}

func (w *Watcher) release(key any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.files[key]
	if f.users--; f.users == 0 {
		delete(w.files, key)
		_ = f.log.Close()
	}
	if len(w.files) == 0 {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
}

// look looks at the files until there are none.
func (w *Watcher) look() {
	tick := time.NewTicker(w.interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-w.wake:
		}
		var over []*limiter
		w.mu.Lock()
		for _, f := range w.files {
			size, err := f.log.Size()
			if err != nil || size == f.size {
				continue
			}
			f.size = size
			close(f.changed)
			f.changed = make(chan struct{})
			if f.limit != nil && f.limit.limit.Bytes > 0 && size > f.limit.limit.Bytes {
				over = append(over, f.limit)
			}
		}
		w.looking = len(w.files) > 0
		looking := w.looking
		w.mu.Unlock()
		if !looking {
			return
		}
		for _, b := range over {
			w.trim(b)
		}
	}
}

func (w *Watcher) trim(b *limiter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if info, err := os.Lstat(b.path); err == nil && b.limit.Bytes > 0 && info.Size() <= b.limit.Bytes {
		return // nearly every log: one call in place of a dozen
	}
	_, err := Trim(b.path, b.limit)
	if err == nil || errors.Is(err, os.ErrNotExist) || b.failed {
		return
	}
	b.failed = true
	w.log.Warn("a log can't be kept within its limit", "path", b.path, "error", err)
}
