package joblog

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRemoteMovedAtTheGapsEdge: of a read that begins before what was left out meanwhile,
// and reaches into it, the part before is given, and the rest is told by the line.
func TestRemoteMovedAtTheGapsEdge(t *testing.T) {
	lines := bytes.Repeat([]byte("0123456789\n"), 1000)
	s := &shipped{most: 1, head: Head{Size: int64(len(lines))}}
	for at := 0; at < len(lines); at += 11 {
		s.pieces = append(s.pieces, Piece{int64(at), lines[at : at+11]})
	}
	r, err := NewRemote(t.Context(), s)
	require.NoError(t, err)
	s.head.LeftOut = Gap{From: 110, To: 5500, Limit: 6000} // and r has not heard of it
	s.pieces = append(s.pieces[:10:10], s.pieces[500:]...)

	c, err := r.Log().ReadChunk(55, make([]byte, 4096))
	require.NoError(t, err)
	require.Equal(t, string(lines[55:110]), string(c.Data))
	c, err = r.Log().ReadChunk(c.Next, make([]byte, 4096))
	require.NoError(t, err)
	require.EqualValues(t, 5390, c.LeftOut)
	require.Equal(t, string(lines[5500:]), string(readAll(t, r.Log(), c.Next, -1)))
}
