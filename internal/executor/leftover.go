package executor

import (
	"context"
	"errors"
	"fmt"
	"path"
	"syscall"
	"time"

	"github.com/kedrod/kedrod/internal/executor/cgroup"
	"github.com/kedrod/kedrod/internal/executor/guard"
	"github.com/kedrod/kedrod/internal/executor/proc"
)

// KillLeftovers kills what still carries the marker of a worker that is dead, and
// returns once nothing of it lives; its guard has mostly done so already. The error
// is a *StuckError when ctx ends first. Elsewhere than on Linux nothing is found.
func KillLeftovers(ctx context.Context, worker string) error { return killLeftovers(ctx, worker, "") }

// killLeftovers kills also what is in the worker's control group, if it had one.
func killLeftovers(ctx context.Context, worker, group string) error {
	if path.Base(group) != workerGroup+worker {
		group = "" // not a worker's
	}
	want := proc.Wanted{Marker: proc.Marker{Entry: guard.MarkerKey + "=" + worker + "/", Prefix: true}, Known: map[int]uint64{}}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for empty := 0; empty < 2; {
		found, err := proc.Find(want)
		if err != nil {
			return fmt.Errorf("look for what a dead worker left: %w", err)
		}
		if group != "" {
			_ = cgroup.Kill(group) // gone already, mostly
			for _, pid := range cgroup.PIDs(group) {
				if p, err := proc.Stat(pid); err == nil {
					found = append(found, p)
				}
			}
		}
		empty++
		var living []int
		for _, p := range found {
			if !p.Alive() {
				continue
			}
			empty = 0
			living = append(living, p.PID)
			want.Known[p.PID] = p.Start
			if err := proc.Kill(p, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
				return fmt.Errorf("kill what a dead worker left: %w", err)
			}
		}
		if len(living) == 0 && empty == 2 {
			break
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return &StuckError{PIDs: living}
		}
	}
	if group != "" {
		return cgroup.Remove(group)
	}
	return nil
}
