package app

import (
	"context"
	"os"
	"time"

	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/metrics"
	"github.com/kedrod/kedrod/internal/service"
	"github.com/kedrod/kedrod/internal/store"
)

// counted is the store as worker and service use it, with what happens counted.
type counted struct {
	jobStore
	m *metrics.Metrics
}

func (c *counted) wrote(what string, begun time.Time, err error) {
	c.m.Wrote(what, time.Since(begun), err != nil)
}

// Submit counts what was accepted.
func (c *counted) Submit(ctx context.Context, j job.Job, idem *store.Idempotency) (job.Job, bool, error) {
	begun := time.Now()
	stored, existed, err := c.jobStore.Submit(ctx, j, idem)
	c.wrote("submit", begun, err)
	if err == nil && !existed {
		c.m.Submitted()
	}
	return stored, existed, err
}

// SubmitAll counts what was accepted.
func (c *counted) SubmitAll(ctx context.Context, jobs []job.Job, idem *store.Idempotency) ([]job.Job, error) {
	begun := time.Now()
	first, err := c.jobStore.SubmitAll(ctx, jobs, idem)
	c.wrote("submit", begun, err)
	if err == nil && first == nil {
		for range jobs {
			c.m.Submitted()
		}
	}
	return first, err
}

// Claim counts how long jobs waited.
func (c *counted) Claim(ctx context.Context, q store.Claim) ([]job.Job, error) {
	begun := time.Now()
	jobs, err := c.jobStore.Claim(ctx, q)
	if len(jobs) > 0 || err != nil {
		c.wrote("claim", begun, err)
	}
	for i := range jobs {
		since := jobs[i].ReadyAt()
		if since.Before(jobs[i].CreatedAt) {
			since = jobs[i].CreatedAt
		}
		c.m.Claimed(max(time.Since(since), 0)) // the clock may have been set back
	}
	return jobs, err
}

// Report counts outcomes.
func (c *counted) Report(ctx context.Context, ref job.Ref, o job.Outcome, last store.Advance) (job.Job, error) {
	begun := time.Now()
	j, err := c.jobStore.Report(ctx, ref, o, last)
	c.wrote("report", begun, err)
	if err == nil {
		c.m.Ended(&o)
	}
	return j, err
}

// newMetrics makes the metrics of a process.
func newMetrics(version string, cfg config.Config, db jobStore) *metrics.Metrics {
	return metrics.New(metrics.Options{Version: version, Look: func(ctx context.Context) (s metrics.State, err error) {
		if s.Pending, s.Running, err = db.Count(ctx); err != nil {
			return s, err
		}
		if s.OldestEligible, err = db.OldestEligible(ctx); err != nil {
			return s, err
		}
		if s.Deliveries, err = db.CountDeliveries(ctx); err != nil {
			return s, err
		}
		workers, err := db.Workers(ctx, time.Now())
		if err != nil {
			return s, err
		}
		for i := range workers {
			if workers[i].State == store.WorkerReady {
				s.Workers, s.Slots = s.Workers+1, s.Slots+workers[i].Slots
			}
		}
		if s.DiskFree, err = service.FreeBytes(cfg.DataDir); err != nil {
			return s, err
		}
		if !shared(cfg) {
			s.Store, s.WAL = size(jobsFile(cfg.DataDir)), size(jobsFile(cfg.DataDir)+"-wal")
		}
		return s, nil
	}})
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
