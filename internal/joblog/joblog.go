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
)

// Create opens a log for a run to write to. An existing one is appended to.
func Create(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
}

// Log is a log opened for reading, also while it grows. It is safe for concurrent use.
type Log struct {
	source source
}

// source is where a log's bytes are.
type source interface {
	io.ReaderAt // ErrMoved: what was to be read has been left out
	io.Closer
	size() (int64, error)
	gap() (Gap, error)
}

// Close closes the log.
func (l *Log) Close() error { return l.source.Close() }

// Size is the number of bytes written so far, those left out included.
func (l *Log) Size() (int64, error) { return l.source.size() }

// LeftOut is the stretch that was left out.
func (l *Log) LeftOut() (Gap, error) { return l.source.gap() }

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
		g, err := l.source.gap()
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
		n, err := l.source.ReadAt(part, off)
		moved := errors.Is(err, ErrMoved)
		if err != nil && !moved && !errors.Is(err, io.EOF) {
			return Chunk{}, err
		}
		// What was read may have been zeros of a hole punched meanwhile. The gap is written down before that, so it shows now.
		now, gapErr := l.source.gap()
		if gapErr != nil {
			return Chunk{}, gapErr
		}
		if now != g && now.overlaps(off, off+max(int64(n), 1)) {
			continue
		}
		if n == 0 && moved {
			return Chunk{}, err
		}
		if n == 0 {
			return Chunk{}, io.EOF
		}
		return Chunk{Offset: off, Next: off + int64(n), Data: part[:n]}, nil
	}
}

// notice is the line for the bytes left out from off on. It begins on a line of its own.
func (l *Log) notice(g Gap, off int64) ([]byte, error) {
	text := g.notice(g.To - off)
	if off > g.From || off == 0 {
		return []byte(text), nil
	}
	var before [1]byte
	if _, err := l.source.ReadAt(before[:], off-1); err != nil {
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
