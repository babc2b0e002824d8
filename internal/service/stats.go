package service

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// Bounds of Stats: the longest window, how many jobs are looked at, and how many
// pipelines are told.
const (
	MaxWindow     = 366 * 24 * time.Hour
	statsJobs     = 100_001
	statsPipeline = 500
)

// Stats counts the jobs of a window by status, pipeline and reason.
type Stats struct {
	Since      time.Time // of the window's begin, or later when there were too many jobs
	Until      time.Time
	Complete   bool // false: not the whole window was counted
	Total      int
	ByStatus   map[string]int
	ByPipeline map[string]int // the most frequent
	ByReason   map[string]int // jobs without one left out
}

// Stats counts the jobs that were created within the window before now, of projects
// that the caller sees.
func (s *Service) Stats(ctx context.Context, c Caller, window time.Duration) (Stats, error) {
	if err := c.need(Read); err != nil {
		return Stats{}, err
	}
	now := s.o.Now()
	out := Stats{
		Since: now.Add(-window), Until: now, Complete: true,
		ByStatus: map[string]int{}, ByPipeline: map[string]int{}, ByReason: map[string]int{},
	}
	projects, empty := c.narrow(nil)
	if empty {
		return out, nil
	}
	counted, err := s.o.Store.Stats(ctx, out.Since, projects, statsJobs)
	if err != nil {
		return out, err
	}
	out.Since, out.Complete = counted.Since, counted.Complete
	for _, t := range counted.Tallies {
		out.Total += t.Count
		out.ByStatus[t.Status] += t.Count
		out.ByPipeline[t.Pipeline] += t.Count
		if t.Reason != "" {
			out.ByReason[t.Reason] += t.Count
		}
	}
	keepMost(out.ByPipeline, statsPipeline)
	return out, nil
}

// keepMost leaves the most frequent names.
func keepMost(counts map[string]int, most int) {
	if len(counts) <= most {
		return
	}
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b)) })
	for _, name := range names[most:] {
		delete(counts, name)
	}
}
