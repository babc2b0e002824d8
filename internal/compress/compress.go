// Package compress packs what is kept in the store: logs and registries. It is zstd, each
// piece a frame of its own.
package compress

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// window bounds the memory of packing: about four times as much, once it was used.
const window = 256 << 10

// Packer packs and unpacks. Its zero value is ready, takes memory from the first use on,
// and may be used from many goroutines; use one for all.
type Packer struct {
	once sync.Once
	enc  *zstd.Encoder
	dec  *zstd.Decoder
	err  error
}

func (p *Packer) init() error {
	p.once.Do(func() {
		p.enc, p.err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window),
			zstd.WithSingleSegment(true), // each frame says how large it was
			zstd.WithLowerEncoderMem(true))
		if p.err == nil {
			p.dec, p.err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxUnpacked),
				zstd.WithDecodeAllCapLimit(true))
		}
	})
	return p.err
}

// maxUnpacked bounds what any piece may be unpacked to.
const maxUnpacked = 256 << 20

// Pack gives the packed form of b.
func (p *Packer) Pack(b []byte) ([]byte, error) {
	if err := p.init(); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	return p.enc.EncodeAll(b, nil), nil
}

// Unpack gives what was packed; more than most bytes are an error.
//
//kedrod:parser FuzzUnpack
func (p *Packer) Unpack(b []byte, most int) ([]byte, error) {
	if err := p.init(); err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	var h zstd.Header
	if err := h.Decode(b); err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	if !h.HasFCS || h.FrameContentSize > uint64(max(most, 0)) {
		return nil, fmt.Errorf("unpack: more than %d bytes, or of unknown size", most)
	}
	out, err := p.dec.DecodeAll(b, make([]byte, 0, h.FrameContentSize))
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	if len(out) > most { // several frames
		return nil, fmt.Errorf("unpack: more than %d bytes", most)
	}
	return out, nil
}
