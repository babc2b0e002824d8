package joblog

import (
	"errors"
	"fmt"
	"io"
)

// ErrMoved is returned by a View some bytes of which have been left out since it was made.
var ErrMoved = errors.New("more of the log was left out meanwhile")

// View is a log as it is served, frozen in one moment: its size does not change, and the line about bytes left out is a part of it like any other.
// It is for HTTP ranges: with io.NewSectionReader it is what http.ServeContent takes, and Tag is its entity tag's content, so that If-Range finds
// out when offsets have moved. A View of a log of which nothing was left out has the log's own offsets.
type View struct {
	log    *Log
	gap    Gap
	notice []byte
	size   int64 // of the file, in the moment
}

// View freezes the log.
func (l *Log) View() (*View, error) {
	g, err := l.source.gap()
	if err != nil {
		return nil, err
	}
	size, err := l.Size()
	if err != nil {
		return nil, err
	}
	v := &View{log: l, size: size}
	if g.size() > 0 {
		v.gap = g
		if v.notice, err = l.notice(g, g.From); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// Size is the number of bytes served.
func (v *View) Size() int64 { return v.size - v.gap.size() + int64(len(v.notice)) }

// Tag names the view's layout: two views with the same tag agree in all bytes that both have.
func (v *View) Tag() string { return fmt.Sprintf("%d-%d", v.gap.From, v.gap.To) }

// ReadAt reads from the view. It returns ErrMoved if what it should read has been left out since.
func (v *View) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read log view at %d", off)
	}
	done := 0
	for done < len(p) {
		n, err := v.readPart(p[done:], off+int64(done))
		done += n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// readPart reads from the one of the three parts (head, line, rest) that off lies in.
func (v *View) readPart(p []byte, off int64) (int, error) {
	head, line := v.gap.From, int64(len(v.notice))
	switch {
	case off >= v.Size():
		return 0, io.EOF
	case off < head:
		return v.readFile(p, off, head)
	case off < head+line:
		return copy(p, v.notice[off-head:]), nil
	}
	return v.readFile(p, off-head-line+v.gap.To, v.size)
}

func (v *View) readFile(p []byte, off, end int64) (int, error) {
	n, err := v.log.source.ReadAt(p[:min(int64(len(p)), end-off)], off)
	if err != nil && (n == 0 || !errors.Is(err, io.EOF)) {
		return 0, err
	}
	now, err := v.log.source.gap()
	if err != nil {
		return 0, err
	}
	if now != v.gap && now.overlaps(off, off+int64(n)) {
		return 0, ErrMoved
	}
	return n, nil
}
