package logship

import (
	"context"

	"github.com/kedrod/kedrod/internal/compress"
	"github.com/kedrod/kedrod/internal/joblog"
	"github.com/kedrod/kedrod/internal/store"
)

// Reading is what a store tells of the logs that were handed to it.
type Reading interface {
	LogHead(ctx context.Context, jobID string, attempt int, stream store.LogStream) (head store.LogHead, ok bool, err error)
	// LogPieces gives some pieces in order, the first of which holds the byte at an
	// offset, or is the next one after it.
	LogPieces(ctx context.Context, jobID string, attempt int, stream store.LogStream, off int64) ([]store.LogPiece, error)
}

// Reader reads logs that were handed over.
type Reader struct {
	store  Reading
	packer *compress.Packer
}

// NewReader makes one.
func NewReader(s Reading, packer *compress.Packer) *Reader { return &Reader{s, packer} }

// Pieces is one stream of an attempt in the store. One of which nothing is there is empty.
func (r *Reader) Pieces(jobID string, attempt int, name store.LogStream) joblog.Pieces {
	return pieces{r.store, r.packer, jobID, attempt, name}
}

type pieces struct {
	store   Reading
	packer  *compress.Packer
	jobID   string
	attempt int
	name    store.LogStream
}

// Head asks the store.
func (p pieces) Head(ctx context.Context) (joblog.Head, error) {
	h, _, err := p.store.LogHead(ctx, p.jobID, p.attempt, p.name)
	return joblog.Head{Size: h.Size, LeftOut: joblog.Gap{From: h.From, To: h.To, Limit: h.Limit}, Whole: h.Whole}, err
}

// Pieces unpacks what the store has.
func (p pieces) Pieces(ctx context.Context, off int64) ([]joblog.Piece, error) {
	packed, err := p.store.LogPieces(ctx, p.jobID, p.attempt, p.name, off)
	if err != nil {
		return nil, err
	}
	out := make([]joblog.Piece, 0, len(packed))
	for _, one := range packed {
		data, err := p.packer.Unpack(one.Packed, store.LogPieceMost)
		if err != nil {
			return nil, err
		}
		out = append(out, joblog.Piece{Offset: one.Offset, Data: data})
	}
	return out, nil
}
