package chaos

import (
	"context"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"
)

// fault breaks something and mends it again, or leaves the mending to kedrod.
type fault struct {
	name string
	do   func(ctx context.Context, dice *rand.Rand) error
}

// inject lets faults happen one after the other in several places at once, until ctx
// ends; each is mended before it returns.
func (w *world) inject(ctx context.Context, places [][]fault, pause time.Duration) error {
	var group sync.WaitGroup
	errs := make(chan error, len(places))
	for _, faults := range places {
		dice := w.dice()
		group.Go(func() {
			for n := 0; ; n++ {
				if n%len(faults) == 0 { // each in its turn, in another order each time
					dice.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
				}
				wait := pause/2 + time.Duration(dice.Int64N(int64(pause)))
				select {
				case <-ctx.Done():
					return
				case <-time.After(wait):
				}
				f := faults[n%len(faults)]
				w.told(f.name)
				if err := f.do(ctx, dice); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	group.Wait()
	close(errs)
	return <-errs
}

// dice gives a source of choices that follows from the world's.
func (w *world) dice() *rand.Rand {
	w.mu.Lock()
	defer w.mu.Unlock()
	return rand.New(rand.NewPCG(w.rand.Uint64(), w.rand.Uint64()))
}

// told counts the faults of each kind, for the test's log.
func (w *world) told(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults[name]++
}

// hold waits a while, less when ctx ends.
func hold(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func between(dice *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(dice.Int64N(int64(most-least)))
}

// crash kills the node, which comes again after a while; its guard sees to the runs.
func crash(n *node, most time.Duration) fault {
	return fault{"kill -9 of " + n.verb, func(ctx context.Context, dice *rand.Rand) error {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.kill()
		hold(ctx, between(dice, 0, most))
		return n.again()
	}}
}

// crashBoth kills node and guard at once: the next start on the folder sees to the runs.
func crashBoth(n *node) fault {
	return fault{"kill -9 of " + n.verb + " and guard", func(ctx context.Context, dice *rand.Rand) error {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.killBoth()
		hold(ctx, between(dice, 0, time.Second))
		return n.again()
	}}
}

// crashMachine kills node, guard and every run of theirs, as when a machine goes.
func crashMachine(n *node) fault {
	return fault{"all of a machine killed", func(ctx context.Context, dice *rand.Rand) error {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.killMachine()
		hold(ctx, between(dice, 0, 8*time.Second))
		return n.again()
	}}
}

// crashGuard kills the guard alone: the node starts another.
func crashGuard(n *node) fault {
	return fault{"kill -9 of a guard", func(context.Context, *rand.Rand) error {
		n.mu.Lock()
		defer n.mu.Unlock()
		for _, pid := range n.guards() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		return nil
	}}
}

// stopNode stops the node alone for a while.
func stopNode(n *node, most time.Duration) fault {
	return fault{"stop of " + n.verb, func(ctx context.Context, dice *rand.Rand) error {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.signal(syscall.SIGSTOP)
		hold(ctx, between(dice, 0, most))
		n.signal(syscall.SIGCONT)
		return nil
	}}
}

// stopGuard stops the guard alone for a while: the node kills it and starts another.
func stopGuard(n *node, most time.Duration) fault {
	return fault{"stop of a guard", func(ctx context.Context, dice *rand.Rand) error {
		n.mu.Lock()
		defer n.mu.Unlock()
		guards := n.guards()
		for _, pid := range guards {
			_ = syscall.Kill(pid, syscall.SIGSTOP)
		}
		hold(ctx, between(dice, 0, most))
		for _, pid := range guards {
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
		return nil
	}}
}

// hitRun kills or stops a run.
func hitRun(n *node) fault {
	return fault{"kill or stop of a run", func(ctx context.Context, dice *rand.Rand) error {
		n.mu.Lock()
		defer n.mu.Unlock()
		runs := n.runs()
		if len(runs) == 0 {
			return nil
		}
		pid := runs[dice.IntN(len(runs))]
		if dice.IntN(2) == 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			return nil
		}
		_ = syscall.Kill(pid, syscall.SIGSTOP)
		hold(ctx, between(dice, 0, time.Second))
		_ = syscall.Kill(pid, syscall.SIGCONT)
		return nil
	}}
}

// restart ends the node in good order: what runs is given back.
func restart(n *node) fault {
	return fault{"restart of " + n.verb, func(context.Context, *rand.Rand) error {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.signal(syscall.SIGTERM)
		<-n.gone
		return n.again()
	}}
}
