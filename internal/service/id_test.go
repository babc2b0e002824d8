package service

import (
	"strconv"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestIDsAreInOrderAndTheirEndsCount(t *testing.T) {
	made := newIDs()
	made.last.Store(1<<32 - 100) // over its end, too
	before, end := "", int64(-1)
	for range 10_000 {
		text, err := made.next()
		require.NoError(t, err)
		require.Greater(t, text, before)
		id, err := uuid.Parse(text)
		require.NoError(t, err)
		require.Equal(t, uuid.Version(7), id.Version())
		require.Equal(t, uuid.RFC4122, id.Variant())
		n, err := strconv.ParseInt(text[30:], 16, 64)
		require.NoError(t, err)
		if end >= 0 {
			require.Equal(t, (end+1)%(1<<24), n)
		}
		before, end = text, n
	}
}
