package retention

import (
	"context"
	"time"

	"github.com/kedrod/kedrod/internal/rundir"
)

const (
	// orphansEvery is how often folders are looked for whose jobs other processes deleted.
	orphansEvery = time.Hour
	// orphansAtOnce is of how many folders the store is asked at once.
	orphansAtOnce = 500
)

// byJobs deletes run folders whose jobs another process has deleted.
func (k *Keeper) byJobs(ctx context.Context) error {
	if !k.o.Shared || !k.orphans.IsZero() && time.Since(k.orphans) < orphansEvery {
		return nil
	}
	k.orphans = time.Now()
	removed := 0
	var some []rundir.Found
	flush := func() error {
		n, err := k.removeOrphans(ctx, some)
		removed, some = removed+n, some[:0]
		if err != nil {
			return err
		}
		return k.pause(ctx)
	}
	err := k.o.Runs.Each(func(f rundir.Found) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if f.ID == "" || k.o.Now().Sub(f.Changed) <= orphaned {
			return nil
		}
		if some = append(some, f); len(some) == orphansAtOnce {
			return flush()
		}
		return nil
	})
	if err == nil && len(some) > 0 {
		err = flush()
	}
	if removed > 0 {
		k.o.Log.Info("removed run folders whose jobs were deleted elsewhere", "runs", removed)
	}
	return err
}

func (k *Keeper) removeOrphans(ctx context.Context, some []rundir.Found) (removed int, err error) {
	ids := make([]string, len(some))
	for i := range some {
		ids[i] = some[i].ID
	}
	there, err := k.o.Store.ProjectsOf(ctx, ids)
	if err != nil {
		return 0, err
	}
	for i := range some {
		if _, ok := there[some[i].ID]; ok {
			continue
		}
		if err := some[i].Remove(); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}
