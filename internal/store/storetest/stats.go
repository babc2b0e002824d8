package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

func (s *suite) stats() {
	stats := func(since time.Time, most int, projects ...string) store.Stats {
		s.t.Helper()
		st, err := s.Stats(s.ctx(), since, projects, most)
		require.NoError(s.t, err)
		return st
	}
	begin := s.clock.Now()
	s.submit(nil) // too old below
	first := s.submit(func(j *job.Job) { j.Pipeline = "other" })
	_, ref := s.running("w", nil)
	_, err := s.Report(s.ctx(), ref, s.failed(job.Timeout), store.Advance{})
	require.NoError(s.t, err)
	s.submit(func(j *job.Job) { j.Project = "elsewhere" })

	all := stats(first.CreatedAt, 100)
	require.True(s.t, all.Complete)
	require.Equal(s.t, first.CreatedAt, all.Since)
	require.Equal(s.t, []store.Tally{
		{Pipeline: "other", Status: "running", Count: 1}, {Pipeline: "pipe", Status: "failed", Reason: "timeout", Count: 1},
		{Pipeline: "pipe", Status: "pending", Count: 1},
	}, all.Tallies)
	require.Equal(s.t, all.Tallies[:2], stats(first.CreatedAt, 100, "proj").Tallies)
	require.Empty(s.t, stats(s.clock.Now().Add(time.Second), 100).Tallies)

	newest := stats(begin, 3)
	require.False(s.t, newest.Complete)
	require.Equal(s.t, all.Tallies[1:], newest.Tallies, "fewer than three are looked at")
	require.True(s.t, newest.Since.After(first.CreatedAt))
	require.True(s.t, stats(begin, 5).Complete)
	require.False(s.t, stats(begin, 4).Complete)
}
