// Package retention deletes what is kept no longer: jobs by age and count, run
// folders by age and size. It works in the background in small batches, and never
// touches a job that has not ended.
package retention

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/kedrod/kedrod/internal/clock"
	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/rundir"
	"github.com/kedrod/kedrod/internal/store"
)

// Store is what retention needs of the store.
type Store interface {
	Get(ctx context.Context, id string) (job.Job, error)
	EndedBefore(ctx context.Context, moment time.Time, cursor string, limit int) (ended []store.Ended, next string, err error)
	DeleteEnded(ctx context.Context, ids []string) (int, error)
	CountJobs(ctx context.Context) (int, error)
	DeleteWorkers(ctx context.Context, endedBefore time.Time) error
	DeleteDeliveries(ctx context.Context, endedBefore time.Time, limit int) (int, error)
	DeleteAudit(ctx context.Context, before time.Time, limit int) (int, error)
	ProjectsOf(ctx context.Context, ids []string) (map[string]string, error)
	Alone(ctx context.Context, duty string, fn func(context.Context) error) (ran bool, err error)
}

// Logs is a store that holds the logs of runs, too.
type Logs interface {
	DeleteLogs(ctx context.Context, endedBefore time.Time, limit int) (int, error)
}

// Keep is how much is kept; 0 means all of it.
type Keep struct {
	Jobs      time.Duration // how long after its end a job is kept, with everything
	JobsCount int           // of more jobs the oldest that ended go
	Logs      time.Duration // how long after its end a job's run folders are kept
	RunsSize  int64         // of more bytes in run folders those of the oldest ended jobs go
	Audit     time.Duration // how long is known who did what; refusals are bounded by the store
}

// Options of New. Everything must be set but Logs, Pause and LastUse.
type Options struct {
	Store   Store
	Logs    Logs // nil: logs lie in run folders only
	Runs    rundir.Root
	Keep    Keep
	Now     func() time.Time
	Elapsed func() time.Duration // a clock that does not step
	LastUse time.Time            // when the data folder was last in use, before this process; zero: not known
	Shared  bool                 // other processes delete jobs too, of which run folders lie here
	Pause   time.Duration        // between batches, so that others get at the disk; 0: 20 ms
	Log     *slog.Logger
}

// Keeper deletes what is kept no longer. It is for one goroutine.
type Keeper struct {
	o       Options
	trust   trust
	orphans time.Time // when they were last looked for
}

const (
	batch       = 25              // jobs a transaction: about 5 ms in which submissions wait
	first       = 5 * time.Second // after the start, which has other things to do
	interval    = 10 * time.Minute
	workersKept = 7 * 24 * time.Hour
	// deliveriesKept is how long a delivery is kept after its own end, if its job is.
	deliveriesKept = 7 * 24 * time.Hour
	// orphaned is how long a run folder without a job is left alone.
	orphaned = 24 * time.Hour
)

// New makes a keeper; nothing is started.
func New(o Options) *Keeper {
	if o.Pause == 0 {
		o.Pause = 20 * time.Millisecond
	}
	return &Keeper{o: o, trust: trust{steps: clock.NewSteps(o.Now, o.Elapsed)}}
}

// Run sweeps now and then until ctx ends.
func (k *Keeper) Run(ctx context.Context) error { return k.every(ctx, k.Sweep) }

// RunLocal deletes what lies on this machine alone, for a process that leaves the store's
// jobs to others. It ends with ctx.
func (k *Keeper) RunLocal(ctx context.Context) error { return k.every(ctx, k.SweepLocal) }

func (k *Keeper) every(ctx context.Context, sweep func(context.Context) error) error {
	timer := time.NewTimer(first)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		if err := sweep(ctx); err != nil && ctx.Err() == nil {
			k.o.Log.Warn("what is kept no longer can't all be deleted; trying again later", "error", err, "in", interval)
		}
		timer.Reset(interval)
	}
}

// Sweep deletes once what is kept no longer.
func (k *Keeper) Sweep(ctx context.Context) error {
	trusted := k.clockTrusted()
	// Two at once would each delete as many as are too many.
	_, err := k.o.Store.Alone(ctx, "retention", func(ctx context.Context) error {
		if !trusted {
			return k.byCount(ctx)
		}
		return errors.Join(k.byAge(ctx), k.byCount(ctx), k.deliveries(ctx), k.audit(ctx), k.logs(ctx), k.o.Store.DeleteWorkers(ctx, k.o.Now().Add(-workersKept)))
	})
	return errors.Join(err, k.local(ctx, trusted))
}

// SweepLocal deletes once what is kept no longer on this machine.
func (k *Keeper) SweepLocal(ctx context.Context) error { return k.local(ctx, k.clockTrusted()) }

func (k *Keeper) local(ctx context.Context, trusted bool) error {
	if !trusted {
		return k.bySize(ctx)
	}
	return errors.Join(k.byRuns(ctx), k.byJobs(ctx), k.bySize(ctx))
}

// deliveries deletes those that ended some time ago.
func (k *Keeper) deliveries(ctx context.Context) error {
	return k.inBatches(ctx, deliveriesKept, batch, k.o.Store.DeleteDeliveries)
}

func (k *Keeper) audit(ctx context.Context) error {
	if k.o.Keep.Audit == 0 {
		return nil
	}
	return k.inBatches(ctx, k.o.Keep.Audit, 20*batch, k.o.Store.DeleteAudit) // small rows, and many
}

// logs deletes those in the store by the same rule as run folders.
func (k *Keeper) logs(ctx context.Context) error {
	if k.o.Logs == nil || k.o.Keep.Logs == 0 {
		return nil
	}
	return k.inBatches(ctx, k.o.Keep.Logs, batch, k.o.Logs.DeleteLogs)
}

// inBatches deletes what is older than kept, so many at a time, until nothing is left of it.
func (k *Keeper) inBatches(ctx context.Context, kept time.Duration, many int, del func(context.Context, time.Time, int) (int, error)) error {
	for {
		n, err := del(ctx, k.o.Now().Add(-kept), many)
		if err != nil || n < many {
			return err
		}
		if err := k.pause(ctx); err != nil {
			return err
		}
	}
}

func (k *Keeper) byAge(ctx context.Context) error {
	if k.o.Keep.Jobs == 0 {
		return nil
	}
	return k.deleteBefore(ctx, k.o.Now().Add(-k.o.Keep.Jobs), -1)
}

func (k *Keeper) byCount(ctx context.Context) error {
	if k.o.Keep.JobsCount == 0 {
		return nil
	}
	n, err := k.o.Store.CountJobs(ctx)
	if err != nil || n <= k.o.Keep.JobsCount {
		return err
	}
	return k.deleteBefore(ctx, k.o.Now(), n-k.o.Keep.JobsCount)
}

// deleteBefore deletes up to most jobs that ended before a moment, the oldest first;
// all of them when most is negative.
func (k *Keeper) deleteBefore(ctx context.Context, moment time.Time, most int) error {
	total := 0
	for cursor := ""; most < 0 || total < most; {
		ended, next, err := k.o.Store.EndedBefore(ctx, moment, cursor, batch)
		if err != nil {
			return err
		}
		if most >= 0 && len(ended) > most-total {
			ended = ended[:most-total]
		}
		n, err := k.delete(ctx, ended)
		if total += n; err != nil {
			return err
		}
		if cursor = next; next == "" {
			break
		}
		if err := k.pause(ctx); err != nil {
			return err
		}
	}
	if total > 0 {
		k.o.Log.Info("deleted jobs that are kept no longer", "jobs", total)
	}
	return nil
}

// delete takes the folders first: what is left of a crash between is found again.
func (k *Keeper) delete(ctx context.Context, ended []store.Ended) (int, error) {
	ids := make([]string, 0, len(ended))
	for _, e := range ended {
		for n := 1; n <= e.Attempts; n++ {
			if err := k.o.Runs.Attempt(e.ID, n).Remove(); err != nil {
				return 0, err
			}
		}
		ids = append(ids, e.ID)
	}
	if len(ids) == 0 {
		return 0, nil
	}
	return k.o.Store.DeleteEnded(ctx, ids)
}

func (k *Keeper) pause(ctx context.Context) error {
	timer := time.NewTimer(k.o.Pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// over reports whether the folder's job ended before a moment, or is gone for long.
func (k *Keeper) over(ctx context.Context, f rundir.Found, before time.Time) (bool, error) {
	if f.ID == "" {
		return false, nil // it goes with its job
	}
	j, err := k.o.Store.Get(ctx, f.ID)
	if fault.Is(err, fault.NotFound) {
		return k.o.Now().Sub(f.Changed) > orphaned, nil
	}
	if err != nil {
		return false, err
	}
	return j.Status.Terminal() && j.CompletedAt != nil && j.CompletedAt.Before(before), nil
}
