package service

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync/atomic"

	"github.com/google/uuid"
)

// ids makes the ids of jobs: UUIDs of version 7 (RFC 9562), each greater than the one
// before, whose last 24 bits count up from anywhere (section 6.2 there: what need not
// be guessed may count). A store that finds jobs by the end of their ids then writes
// the neighbours of the last one, and not a page somewhere in the history of millions.
type ids struct{ last atomic.Uint32 }

func newIDs() *ids {
	i := &ids{}
	i.last.Store(rand.Uint32()) //nolint:gosec // no secret: it only spreads the services that share a store
	return i
}

func (i *ids) next() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	end := binary.BigEndian.AppendUint32(nil, i.last.Add(1))
	copy(id[13:], end[1:])
	return id.String(), nil
}
