package retention

import (
	"context"
	"time"

	"github.com/kedrod/kedrod/internal/rundir"
)

// byRuns deletes run folders by age, and those whose job is gone.
func (k *Keeper) byRuns(ctx context.Context) error {
	if k.o.Keep.Logs == 0 {
		return nil
	}
	return k.removeRuns(ctx, k.o.Now().Add(-k.o.Keep.Logs))
}

// bySize deletes run folders so that the rest is within its size: the oldest go.
func (k *Keeper) bySize(ctx context.Context) error {
	if k.o.Keep.RunsSize == 0 {
		return nil
	}
	cut, over, err := k.cutBySize(ctx)
	if err != nil || !over {
		return err
	}
	return k.removeRuns(ctx, cut)
}

// removeRuns removes the folders of jobs that ended before a moment.
func (k *Keeper) removeRuns(ctx context.Context, before time.Time) error {
	removed := 0
	err := k.o.Runs.Each(func(f rundir.Found) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !f.Changed.Before(before) { // cheaper than the store, and never later than the end
			return nil
		}
		over, err := k.over(ctx, f, before)
		if err != nil || !over {
			return err
		}
		if err := f.Remove(); err != nil {
			return err
		}
		if removed++; removed%batch == 0 {
			return k.pause(ctx)
		}
		return nil
	})
	if removed > 0 {
		k.o.Log.Info("removed run folders that are kept no longer; their jobs stay", "runs", removed)
	}
	return err
}

// slice is how finely cutBySize tells folders apart by their age: it holds a number a
// slice, not one a folder.
const slice = time.Hour

// cutBySize finds the moment before which folders must go so that the rest is within
// the size.
func (k *Keeper) cutBySize(ctx context.Context) (cut time.Time, over bool, err error) {
	sizes := map[int64]int64{}
	total := int64(0)
	err = k.o.Runs.Each(func(f rundir.Found) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		n, err := f.Size()
		if err != nil {
			return nil //nolint:nilerr // it went meanwhile
		}
		sizes[f.Changed.UnixNano()/int64(slice)] += n
		total += n
		return nil
	})
	if err != nil || total <= k.o.Keep.RunsSize {
		return cut, false, err
	}
	var at int64
	for total > k.o.Keep.RunsSize {
		oldest := int64(1<<63 - 1)
		for s := range sizes {
			oldest = min(oldest, s)
		}
		total -= sizes[oldest]
		delete(sizes, oldest)
		at = oldest + 1
	}
	return time.Unix(0, at*int64(slice)), true, nil
}
