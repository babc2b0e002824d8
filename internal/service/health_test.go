package service

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
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

// space is a disk that is as short as a test says.
type space struct{ full, low bool }

func (d *space) Full() bool { return d.full }
func (d *space) Low() bool  { return d.low }

// TestAFullDiskIsTold wherever somebody asks whether jobs are taken and why one waits,
// although the store itself can still be written.
func TestAFullDiskIsTold(t *testing.T) {
	disk := &space{}
	s := &Service{o: Options{Store: &checked{}, DataDir: t.TempDir(), Now: time.Now, Self: func() string { return "w" }, Space: disk}, projects: map[string]*Project{"p": {Path: "."}}}
	j := job.Job{Project: "p", Status: job.Pending}
	require.NoError(t, s.Ready(t.Context()))
	require.Contains(t, s.waitingFor(&j, store.Waiting{}, crew{}), "slot")
	disk.low = true
	require.NoError(t, s.Ready(t.Context()), "jobs are still accepted")
	require.Contains(t, s.waitingFor(&j, store.Waiting{}, crew{}), "disk")
	disk.full = true
	require.True(t, fault.Is(s.Ready(t.Context()), fault.Unavailable))
	require.ErrorContains(t, s.Ready(t.Context()), "disk")
	require.Contains(t, s.checkDisk().Message, "no job is accepted")
	*disk = space{}
	require.NoError(t, s.Ready(t.Context()))
}

// TestSizesAreThoseOfTheSettings: 256MB is told as 256 MB.
func TestSizesAreThoseOfTheSettings(t *testing.T) {
	s := &Service{o: Options{DataDir: t.TempDir(), MinFree: 1 << 60 / megabyte * megabyte}}
	require.Contains(t, s.checkDisk().Message, fmt.Sprintf("below %d MB", uint64(1<<60/megabyte)))
}

// checked is a store of which only Check is asked.
type checked struct {
	Store
	err error
}

func (c *checked) Check(context.Context) error { return c.err }

// TestReadyComesBack by itself with what was away, and not while the service stops.
func TestReadyComesBack(t *testing.T) {
	st := &checked{}
	s := &Service{o: Options{Store: st}}
	require.NoError(t, s.Ready(t.Context()))
	st.err = errors.New("the disk is full")
	require.ErrorIs(t, s.Ready(t.Context()), st.err)
	st.err = nil
	require.NoError(t, s.Ready(t.Context()))
	s.Stop()
	require.Error(t, s.Ready(t.Context()))
}
