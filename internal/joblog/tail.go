package joblog

import (
	"bytes"
	"errors"
	"io"
)

// tailBlock is how much is read at a time on the way backwards.
const tailBlock = 32 << 10

// Tail returns the offset at which the last n lines begin; 0 if there are fewer, the size if n is not positive. A last line without its end counts,
// and so does the line about bytes left out. It takes the same small memory however long the log or a line is.
//
//kedrod:parser FuzzTail
func (l *Log) Tail(n int) (int64, error) {
	for {
		size, err := l.Size()
		if err != nil {
			return 0, err
		}
		g, err := l.source.gap()
		if err != nil {
			return 0, err
		}
		off, tailErr := l.tail(n, size, g)
		if tailErr != nil && !errors.Is(tailErr, ErrMoved) {
			return 0, tailErr
		}
		if now, err := l.source.gap(); err != nil || now == g {
			return off, errors.Join(tailErr, err)
		}
	}
}

// tail finds the n-th last beginning of a line. Lines begin at 0, behind each line break, and at both ends of the gap.
func (l *Log) tail(n int, size int64, g Gap) (int64, error) {
	if n <= 0 {
		return size, nil
	}
	end := size
	if g.To > 0 && g.To <= size {
		off, left, err := l.backwards(g.To, end, n)
		if err != nil || left == 0 {
			return off, err
		}
		n = left
		if g.To < size { // the line at the gap's end
			if n--; n == 0 {
				return g.To, nil
			}
		}
		if n--; n == 0 { // the line about it
			return g.From, nil
		}
		end = g.From
	}
	off, left, err := l.backwards(0, end, n)
	if err != nil || left == 0 {
		return off, err
	}
	return 0, nil
}

// backwards looks for the n-th last beginning of a line strictly inside from..to; left is how many are missing.
func (l *Log) backwards(from, to int64, n int) (off int64, left int, err error) {
	buf := make([]byte, min(tailBlock, max(to-from, 0)))
	for end := to; end > from; {
		block := buf[:min(int64(len(buf)), end-from)]
		start := end - int64(len(block))
		if _, err := l.source.ReadAt(block, start); err != nil && !errors.Is(err, io.EOF) {
			return 0, n, err
		}
		for at := len(block); ; {
			at = bytes.LastIndexByte(block[:at], '\n')
			if at < 0 {
				break
			}
			if line := start + int64(at) + 1; line < to {
				if n--; n == 0 {
					return line, 0, nil
				}
			}
		}
		end = start
	}
	return 0, n, nil
}
