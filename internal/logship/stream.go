package logship

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/kedrod/kedrod/internal/compress"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/joblog"
	"github.com/kedrod/kedrod/internal/store"
)

const (
	// eventsMost bounds what is handed over of a run's events: enough for the levels and
	// nodes of a long log's lines.
	eventsMost = 16 << 20
	// atOnce is how many pieces one call hands over.
	atOnce = 4
	// grows is up to which size the last piece is handed over anew with what was added, so
	// that a slow log does not come to thousands of them.
	grows = 32 << 10
)

// errGone is of a log that was deleted here before all of it was handed over: what the
// store has of it is never called whole.
var errGone = errors.New("the run's folder is gone before all of its log was handed over")

// stream is one file of a run, with how far the store has it.
type stream struct {
	path string
	name store.LogStream
	most int64 // 0: no bound of ours

	adopted bool // of an earlier process: some may have been handed over

	at    int64         // all before is in the store, or left out
	open  int64         // where the last piece begins; at: the next one is new
	told  store.LogHead // as the store has it
	whole bool
}

// ship hands over what is new; over: nothing will be added.
func (st *stream) ship(ctx context.Context, to Store, packer *compress.Packer, ref job.Ref, over bool) error {
	if st.whole {
		return nil
	}
	l, err := joblog.Open(st.path)
	if errors.Is(err, os.ErrNotExist) {
		if !over {
			return nil
		}
		if st.at > 0 || st.adopted {
			return errGone
		}
		return st.add(ctx, to, ref, store.LogHead{Whole: true}, nil) // it wrote nothing
	}
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	if size, err := l.Size(); err != nil || size == st.at && !over { // as nearly always
		return err
	}
	buffer := make([]byte, store.LogPieceMost)
	for more := true; more; {
		if more, err = st.some(ctx, to, packer, ref, l, over, buffer); err != nil {
			return err
		}
	}
	return nil
}

// some hands over a few pieces; more reports whether there is more.
func (st *stream) some(ctx context.Context, to Store, packer *compress.Packer, ref job.Ref, l *joblog.Log, over bool, buffer []byte) (more bool, err error) {
	end, err := l.Size()
	if err != nil {
		return false, err
	}
	if st.most > 0 {
		end = min(end, st.most)
	}
	at, open := st.open, st.open
	if end <= st.at {
		at, open, end = st.at, st.open, st.at // nothing to read
	}
	var pieces []store.LogPiece
	for at < end && len(pieces) < atOnce {
		c, err := l.ReadChunk(at, buffer[:min(int64(len(buffer)), end-at)])
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return false, err
		}
		at = c.Next
		if open = at; c.LeftOut > 0 {
			continue
		}
		packed, err := packer.Pack(c.Data)
		if err != nil {
			return false, err
		}
		pieces = append(pieces, store.LogPiece{Offset: c.Offset, Length: len(c.Data), Packed: packed})
		if len(c.Data) < grows {
			open = c.Offset
		}
	}
	gap, err := l.LeftOut() // as it is now: pieces in it go
	if err != nil {
		return false, err
	}
	head := store.LogHead{Size: max(at, st.at), From: gap.From, To: gap.To, Limit: gap.Limit, Whole: over && at >= end}
	if len(pieces) == 0 && head == st.told {
		return false, nil
	}
	if err := st.add(ctx, to, ref, head, pieces); err != nil {
		return false, err
	}
	st.open = open
	return at < end, nil
}

func (st *stream) add(ctx context.Context, to Store, ref job.Ref, head store.LogHead, pieces []store.LogPiece) error {
	if err := to.AddLog(ctx, ref, st.name, head, pieces); err != nil {
		return err
	}
	st.at, st.told, st.whole = head.Size, head, head.Whole
	return nil
}
