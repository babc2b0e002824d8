// Package joblog reads, follows and bounds the logs of runs.
//
// A run's log is the file that its processes write themselves, opened for appending, so that it is complete whatever happens to us. Nothing here
// alters a byte; making the text safe to show is the reader's business.
//
// # Offsets
//
// An offset is a position in the file: the number of bytes that the run had written before it. It never changes its meaning, also not when a log
// is bounded (Trim): the oldest bytes behind the log's head are then given back to the file system by punching a hole, the file's size stays, and
// the processes go on appending. The hole, always one, stands in a small file beside the log (its path + ".gap"), which is written before the
// hole is punched. Where bytes are left out, readers get one line in their place that says how many:
//
//	[kedrod: 12,345,678 bytes left out here; the log's limit is 50 MB]
//
// Size counts the bytes left out; View is the log as it is served, the line included, with offsets of its own.
package joblog

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/kedrod/kedrod/internal/regular"
)

// Create opens a log for a run to write to. An existing one is appended to.
func Create(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
}

// Log is a log opened for reading, also while it grows. It is safe for concurrent use.
type Log struct {
	path string
	file file
}

// file is what is used of *os.File.
type file interface {
	io.ReaderAt
	io.Closer
	Stat() (os.FileInfo, error)
}

// Open opens a log for reading. A missing one is an error that wraps os.ErrNotExist.
func Open(path string) (*Log, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	return &Log{path: path, file: f}, nil
}

// Close closes the file.
func (l *Log) Close() error { return l.file.Close() }

// Size is the number of bytes written so far, those left out included.
func (l *Log) Size() (int64, error) {
	st, err := l.file.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

// Chunk is a piece of a log.
type Chunk struct {
	Offset int64 // of its first byte
	Next   int64 // where to go on: Offset + len(Data), or behind the bytes left out
	Data   []byte
	// LeftOut is how many bytes are missing from Offset on; Data is then the line that says so. 0 for a piece of the log itself.
	LeftOut int64
}

// ReadChunk reads what is at an offset, up to len(buf) bytes, or the line about bytes left out. Data may be a part of buf. At the end of what has
// been written it returns io.EOF.
func (l *Log) ReadChunk(off int64, buf []byte) (Chunk, error) {
	if off < 0 || len(buf) == 0 {
		return Chunk{}, fmt.Errorf("read log at %d, %d bytes: %w", off, len(buf), os.ErrInvalid)
	}
	for {
		g, err := readGap(l.path)
		if err != nil {
			return Chunk{}, err
		}
		if g.holds(off) {
			line, err := l.notice(g, off)
			return Chunk{Offset: off, Next: g.To, Data: line, LeftOut: g.To - off}, err
		}
		part := buf
		if off < g.From {
			part = buf[:min(int64(len(buf)), g.From-off)]
		}
		n, err := l.file.ReadAt(part, off)
		if err != nil && !errors.Is(err, io.EOF) {
			return Chunk{}, err
		}
		// What was read may have been zeros of a hole punched meanwhile. The gap is written down before that, so it shows now.
		now, gapErr := readGap(l.path)
		if gapErr != nil {
			return Chunk{}, gapErr
		}
		if now != g && now.overlaps(off, off+int64(n)) {
			continue
		}
		if n == 0 {
			return Chunk{}, io.EOF
		}
		return Chunk{Offset: off, Next: off + int64(n), Data: part[:n]}, nil
	}
}

// notice is the line for the bytes left out from off on. It begins on a line of its own.
func (l *Log) notice(g gap, off int64) ([]byte, error) {
	text := g.notice(g.To - off)
	if off > g.From || off == 0 {
		return []byte(text), nil
	}
	var before [1]byte
	if _, err := l.file.ReadAt(before[:], off-1); err != nil {
		return nil, err
	}
	if before[0] != '\n' {
		text = "\n" + text
	}
	return []byte(text), nil
}

// Reader reads the log from one offset up to another, with the line about bytes left out in their place. A negative end means the size at this
// moment. It goes on correctly if more is left out while it reads.
func (l *Log) Reader(from, to int64) (io.Reader, error) {
	size, err := l.Size()
	if err != nil {
		return nil, err
	}
	if to < 0 || to > size {
		to = size
	}
	return &reader{log: l, at: max(from, 0), end: to}, nil
}

// reader is what Reader returns.
type reader struct {
	log     *Log
	at, end int64
	pending []byte // of a line about bytes left out
}

func (r *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(r.pending) > 0 {
		n := copy(p, r.pending)
		r.pending = r.pending[n:]
		return n, nil
	}
	if r.at >= r.end {
		return 0, io.EOF
	}
	c, err := r.log.ReadChunk(r.at, p[:min(int64(len(p)), r.end-r.at)])
	if err != nil {
		return 0, err
	}
	r.at = c.Next
	if c.LeftOut == 0 {
		return len(c.Data), nil
	}
	n := copy(p, c.Data)
	r.pending = c.Data[n:]
	return n, nil
}
