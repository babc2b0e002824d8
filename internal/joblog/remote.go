package joblog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

// Head is what is known of a log that is kept in pieces.
type Head struct {
	Size    int64 // bytes that the run wrote, as far as they are there, those left out included
	LeftOut Gap
	Whole   bool // nothing will be added
}

// Piece is some of a log's bytes.
type Piece struct {
	Offset int64
	Data   []byte
}

func (p Piece) end() int64 { return p.Offset + int64(len(p.Data)) }

// Pieces is where a log is kept that is not on this machine's disk. A piece never changes but by growing; pieces may overlap, and those that lie
// in what was left out go.
type Pieces interface {
	Head(ctx context.Context) (Head, error)
	// Pieces gives some of those that follow each other from the byte at an offset on, the first of which holds it; none where nothing does.
	Pieces(ctx context.Context, off int64) ([]Piece, error)
}

// keptPieces is how many bytes of pieces a Remote keeps for the next who read.
const keptPieces = 2 << 20

// Remote is a log in pieces. What it tells is as of the last Refresh; Log is for reading it. It is safe for concurrent use, reads no piece twice
// for readers that are near each other, and keeps at most about keptPieces.
type Remote struct {
	ctx    context.Context
	pieces Pieces

	headMu sync.Mutex // never held while something is fetched
	head   Head

	mu   sync.Mutex
	kept []Piece // by offset
	used []int64 // their offsets, what was used last at the end
	held int     // bytes in kept
}

// NewRemote makes one as of now. ctx bounds all reading of it.
func NewRemote(ctx context.Context, p Pieces) (*Remote, error) {
	r := &Remote{ctx: ctx, pieces: p}
	return r, r.Refresh()
}

// Refresh asks how far the log has come.
func (r *Remote) Refresh() error {
	h, err := r.pieces.Head(r.ctx)
	if err != nil {
		return err
	}
	r.take(h)
	return nil
}

// take keeps what is further: answers may overtake each other.
func (r *Remote) take(h Head) {
	r.headMu.Lock()
	defer r.headMu.Unlock()
	if h.Size >= r.head.Size && h.LeftOut.To >= r.head.LeftOut.To {
		h.Whole = h.Whole || r.head.Whole
		r.head = h
	}
}

// Head is how far the log had come at the last Refresh.
func (r *Remote) Head() Head {
	r.headMu.Lock()
	defer r.headMu.Unlock()
	return r.head
}

// Log reads the log; closing it does nothing.
func (r *Remote) Log() *Log { return &Log{source: r} }

// Close does nothing.
func (r *Remote) Close() error { return nil }

func (r *Remote) size() (int64, error) { return r.Head().Size, nil }

func (r *Remote) gap() (Gap, error) { return r.Head().LeftOut, nil }

// errMissing is of a log that has lost bytes.
var errMissing = errors.New("a part of the log is missing in the store")

// ReadAt reads what is not left out.
func (r *Remote) ReadAt(p []byte, off int64) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	done, size := 0, r.Head().Size
	for done < len(p) {
		at := off + int64(done)
		if at >= size {
			return done, io.EOF
		}
		piece, ok := r.find(at)
		if !ok {
			if err := r.fetch(at); err != nil {
				return done, err
			}
			continue
		}
		end := min(piece.end(), size)
		done += copy(p[done:], piece.Data[at-piece.Offset:end-piece.Offset])
	}
	return done, nil
}

// find gives a kept piece that holds an offset.
func (r *Remote) find(off int64) (Piece, bool) {
	i, found := slices.BinarySearchFunc(r.kept, off, func(p Piece, off int64) int { return cmp.Compare(p.Offset, off) })
	if !found {
		i--
	}
	if i < 0 || r.kept[i].end() <= off {
		return Piece{}, false
	}
	r.use(r.kept[i].Offset)
	return r.kept[i], true
}

func (r *Remote) use(offset int64) {
	if i := slices.Index(r.used, offset); i >= 0 {
		r.used = append(slices.Delete(r.used, i, i+1), offset)
	}
}

// fetch gets the pieces from an offset on; the caller holds mu, so that others who wait for the same find it.
func (r *Remote) fetch(off int64) error {
	pieces, err := r.pieces.Pieces(r.ctx, off)
	if err != nil {
		return err
	}
	if len(pieces) == 0 || pieces[0].Offset > off || pieces[0].end() <= off {
		h, err := r.pieces.Head(r.ctx) // it has gone into what is left out, then
		if err != nil {
			return err
		}
		if r.take(h); r.Head().LeftOut.holds(off) {
			return ErrMoved
		}
		return fmt.Errorf("at byte %d: %w", off, errMissing)
	}
	for _, p := range slices.Backward(pieces) { // so that the first is the last to be dropped
		r.keep(p)
	}
	return nil
}

func (r *Remote) keep(p Piece) {
	i, found := slices.BinarySearchFunc(r.kept, p.Offset, func(q Piece, off int64) int { return cmp.Compare(q.Offset, off) })
	if found {
		r.held += len(p.Data) - len(r.kept[i].Data)
		r.kept[i] = p
		r.use(p.Offset)
	} else {
		r.held += len(p.Data)
		r.kept, r.used = slices.Insert(r.kept, i, p), append(r.used, p.Offset)
	}
	for r.held > keptPieces && len(r.kept) > 1 {
		oldest := r.used[0]
		r.used = r.used[1:]
		i, _ := slices.BinarySearchFunc(r.kept, oldest, func(q Piece, off int64) int { return cmp.Compare(q.Offset, off) })
		r.held -= len(r.kept[i].Data)
		r.kept = slices.Delete(r.kept, i, i+1)
	}
}
