package kedro

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/kedrod/kedrod/internal/regular"
)

// maxEventLine bounds one line of an events file; a longer one is passed over. The
// hook's longest, a pipeline of ten thousand nodes, is about a megabyte.
const maxEventLine = 8 << 20

// EventReader reads the events file of a run while the run writes it. The file may
// not exist yet. It is not safe for use by several goroutines at once.
type EventReader struct {
	open    func() (EventSource, error)
	offset  int64  // of the first byte that is not read yet
	partial []byte // a line whose end has not been written yet
	skip    bool   // inside of a line that is too long
}

// EventSource is where a run's events stand.
type EventSource interface {
	io.ReaderAt
	io.Closer
}

// NewEventReader reads path from a byte offset on: 0, or one that Offset gave.
func NewEventReader(path string, offset int64) *EventReader {
	return &EventReader{open: func() (EventSource, error) { return regular.Open(path) }, offset: offset}
}

// NewEventReaderFrom reads what open opens, at each Read anew. Its error is
// fs.ErrNotExist while nothing is there.
func NewEventReaderFrom(open func() (EventSource, error)) *EventReader {
	return &EventReader{open: open}
}

// Offset is the place after the last whole line that was read.
func (r *EventReader) Offset() int64 { return r.offset - int64(len(r.partial)) }

// readAtOnce bounds one Read: a run may write faster than anybody reads.
const readAtOnce = 4 << 20

// Read hands events that have been written since to fn, up to 4 MiB of them; more
// reports whether it stopped there and not at the file's end. A half line waits for
// its other half. What stands in the file's place and is no regular file is an error.
func (r *EventReader) Read(fn func(Event)) (more bool, err error) {
	file, err := r.open()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open the run's events: %w", err)
	}
	defer file.Close()
	buffer := make([]byte, 64<<10)
	for end := r.offset + readAtOnce; r.offset < end; {
		n, err := file.ReadAt(buffer, r.offset)
		r.offset += int64(n)
		r.take(buffer[:n], fn)
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("read the run's events: %w", err)
		}
	}
	return true, nil
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
