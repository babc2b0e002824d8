package kedro

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// maxEventLine bounds one line of an events file; a longer one is passed over. The
// hook's longest, a pipeline of ten thousand nodes, is about a megabyte.
const maxEventLine = 8 << 20

// EventReader reads the events file of a run while the run writes it. The file may
// not exist yet. It is not safe for use by several goroutines at once.
type EventReader struct {
	path    string
	offset  int64  // of the first byte that is not read yet
	partial []byte // a line whose end has not been written yet
	skip    bool   // inside of a line that is too long
}

// NewEventReader reads path from a byte offset on: 0, or one that Offset gave.
func NewEventReader(path string, offset int64) *EventReader {
	return &EventReader{path: path, offset: offset}
}

// Offset is the place after the last whole line that was read.
func (r *EventReader) Offset() int64 { return r.offset - int64(len(r.partial)) }

// Read hands each event that has been written since to fn, and returns at the
// file's end. A half line waits for its other half.
func (r *EventReader) Read(fn func(Event)) error {
	file, err := os.Open(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open the run's events: %w", err)
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("open the run's events: %s is not a regular file", r.path)
	}
	buffer := make([]byte, 64<<10)
	for {
		n, err := file.ReadAt(buffer, r.offset)
		r.offset += int64(n)
		r.take(buffer[:n], fn)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the run's events: %w", err)
		}
	}
}

func (r *EventReader) take(chunk []byte, fn func(Event)) {
	for len(chunk) > 0 {
		line, rest, whole := bytes.Cut(chunk, []byte{'\n'})
		chunk = rest
		if !r.skip && len(r.partial)+len(line) > maxEventLine {
			r.partial, r.skip = nil, true
		}
		if !r.skip {
			r.partial = append(r.partial, line...)
		}
		if !whole {
			return
		}
		if !r.skip {
			if e, ok := ParseEvent(r.partial); ok {
				fn(e)
			}
		}
		r.partial, r.skip = r.partial[:0], false
		if cap(r.partial) > 1<<20 {
			r.partial = nil
		}
	}
}

// Follow calls fn for each event as it is written, looking every 50 ms, until done
// is closed (the run has ended, with all its processes), and then reads what is
// left. It ends early with ctx's error.
func (r *EventReader) Follow(ctx context.Context, done <-chan struct{}, fn func(Event)) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-done:
			return r.Read(fn)
		case <-ticker.C:
			if err := r.Read(fn); err != nil {
				return err
			}
		}
	}
}
