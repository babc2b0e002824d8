package joblog

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/kedrod/kedrod/internal/regular"
)

// Defaults of a Limit.
const (
	DefaultLimit = 50_000_000
	DefaultHead  = 1 << 20
)

// lineSearch is how far the ends of a gap are moved so that they fall on ends of lines.
const lineSearch = 64 << 10

// ErrCannotTrim is returned where the file system can't give back the middle of a file: the log is complete then, and as large as it is.
var ErrCannotTrim = errors.New("this system or file system can't punch holes into files: the log's limit is not upheld")

// Limit is how much of a log stays on disk: its head, and its newest bytes.
type Limit struct {
	Bytes int64 // in all; 0 means DefaultLimit, negative: no limit
	Head  int64 // 0 means DefaultHead; at most a quarter of Bytes
}

func (l Limit) withDefaults() Limit {
	if l.Bytes == 0 {
		l.Bytes = DefaultLimit
	}
	if l.Head == 0 {
		l.Head = DefaultHead
	}
	l.Head = min(l.Head, l.Bytes/4)
	return l
}

// Trim brings a log that is over its limit to seven eighths of it, so that it is not called for again at once. Processes may be writing to it
// meanwhile, and others reading; no other Trim of the same log may. It returns how many bytes are left out in all.
func Trim(path string, limit Limit) (leftOut int64, err error) {
	limit = limit.withDefaults()
	f, err := regular.Update(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	old, err := readGap(path)
	if err != nil {
		return 0, err
	}
	if limit.Bytes < 0 || st.Size()-old.size() <= limit.Bytes {
		return old.size(), nil
	}
	g := Gap{From: old.From, Limit: limit.Bytes}
	if old.size() == 0 {
		if g.From, err = lastLine(f, limit.Head); err != nil {
			return 0, err
		}
	}
	if g.To, err = nextLine(f, st.Size()-(limit.Bytes-limit.Bytes/8-g.From)); err != nil {
		return 0, err
	}
	g.To = min(max(g.To, old.To), st.Size())
	if g.size() <= old.size() {
		return old.size(), nil
	}
	if err := canPunch(f); err != nil {
		return old.size(), err
	}
	if err := writeGap(path, g); err != nil {
		return old.size(), fmt.Errorf("write down what is left out of the log: %w", err)
	}
	if err := punch(f, g.From, g.size()); err != nil {
		return g.size(), fmt.Errorf("give back the middle of %s: %w", path, err)
	}
	return g.size(), nil
}

// lastLine is the last beginning of a line at or before an offset, if there is one near; else the offset.
func lastLine(f io.ReaderAt, off int64) (int64, error) {
	buf := make([]byte, min(lineSearch, off))
	if _, err := f.ReadAt(buf, off-int64(len(buf))); err != nil {
		return 0, err
	}
	if i := bytes.LastIndexByte(buf, '\n'); i >= 0 {
		return off - int64(len(buf)) + int64(i) + 1, nil
	}
	return off, nil
}

// nextLine is the first beginning of a line at or behind an offset, if there is one near; else the offset.
func nextLine(f io.ReaderAt, off int64) (int64, error) {
	buf := make([]byte, lineSearch)
	n, err := f.ReadAt(buf, off-1)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if i := bytes.IndexByte(buf[:n], '\n'); i >= 0 {
		return off + int64(i), nil
	}
	return off, nil
}
