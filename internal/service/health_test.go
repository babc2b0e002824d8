package service

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestADiskIsLowBeforeRunsWait, and lower when they do.
func TestADiskIsLowBeforeRunsWait(t *testing.T) {
	dir := t.TempDir()
	free, err := FreeBytes(dir)
	require.NoError(t, err)
	require.Greater(t, free, uint64(2*lowDisk), "this test needs a disk with some space")
	check := func(minFree uint64) HealthCheck {
		return (&Service{o: Options{DataDir: dir, MinFree: minFree}}).checkDisk()
	}
	require.Equal(t, OK, check(0).Grade)
	require.Equal(t, OK, check(free/4).Grade)
	low := check(free / 4 * 3)
	require.Equal(t, Degraded, low.Grade)
	require.Contains(t, low.Message, "below")
	short := check(2 * free)
	require.Equal(t, Degraded, short.Grade)
	require.Contains(t, short.Message, "and no run begins below")
	require.Equal(t, Degraded, (&Service{o: Options{DataDir: "/does/not/exist"}}).checkDisk().Grade)
}

// checked is a store of which only Check is asked.
type checked struct {
	Store
	err error
}

func (c *checked) Check(context.Context) error { return c.err }

// TestReadyComesBack by itself with what was away, and not while the service stops.
func TestReadyComesBack(t *testing.T) {
	store := &checked{}
	s := &Service{o: Options{Store: store}}
	require.NoError(t, s.Ready(t.Context()))
	store.err = errors.New("the disk is full")
	require.ErrorIs(t, s.Ready(t.Context()), store.err)
	store.err = nil
	require.NoError(t, s.Ready(t.Context()))
	s.Stop()
	require.Error(t, s.Ready(t.Context()))
}
