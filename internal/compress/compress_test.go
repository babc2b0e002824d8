package compress_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kedrod/kedrod/internal/compress"
)

func TestPack(t *testing.T) {
	var p compress.Packer
	rapid.Check(t, func(t *rapid.T) {
		b := bytes.Repeat(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"), rapid.IntRange(1, 2000).Draw(t, "times"))
		packed, err := p.Pack(b)
		require.NoError(t, err)
		back, err := p.Unpack(packed, len(b))
		require.NoError(t, err)
		require.True(t, bytes.Equal(b, back))
		if len(b) > 0 {
			_, err = p.Unpack(packed, len(b)-1)
			require.Error(t, err)
		}
	})
}

// FuzzUnpack: no input makes it panic or give more than was asked for.
func FuzzUnpack(f *testing.F) {
	var p compress.Packer
	for _, b := range [][]byte{nil, []byte("text"), bytes.Repeat([]byte{7}, 100_000)} {
		packed, err := p.Pack(b)
		require.NoError(f, err)
		f.Add(packed)
		f.Add(append(packed, packed...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := p.Unpack(b, 1<<20)
		if err == nil && len(out) > 1<<20 {
			t.Fatalf("%d bytes", len(out))
		}
	})
}
