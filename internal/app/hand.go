package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/kedrod/kedrod/internal/clock"
	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/executor"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/registries"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/worker"
)

// hand is a worker with the executor of its runs. A process has another, under a new id,
// once others took it for lost.
type hand struct {
	self      store.Worker
	exec      *executor.Executor
	worker    *worker.Worker
	publisher *registries.Publisher
}

// enlist makes a hand, which is this process's from then on; nothing runs yet.
func (n *node) enlist(ctx context.Context) error {
	from := n.from
	if n.hand.Load() != nil { // in the place of one that is lost
		from = nil
	}
	self, err := from.identity(n.cfg, n.process.Version)
	if err != nil {
		return err
	}
	exec, err := from.executor(ctx, executor.Options{WorkerID: self.ID, LockFile: executor.LockFile(workerLocks(n.cfg.DataDir), self.ID), Limits: anyLimits(&n.cfg), Log: n.log})
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	tellLimits(&n.cfg, exec.Means(), n.log)
	h := &hand{self: self, exec: exec}
	if n.projects == nil { // the first one, by which the projects start their helpers
		n.hand.Store(h)
		if n.projects, err = makeProjects(n.cfg, n.found, func() *executor.Executor { return n.hand.Load().exec }, n.process.Environ, n.log); err != nil {
			return err
		}
	}
	o := worker.Options{
		Self: self, Store: n.store, Starter: exec, Projects: n.projects.forWorker(), Runs: n.runs,
		Grace: executor.Grace{Int: n.cfg.StopGrace.Int, Term: n.cfg.StopGrace.Term}, Drain: n.cfg.DrainTimeout,
		Watcher: n.watcher, LogSize: n.cfg.Retention.LogSize, Limits: n.projects.limits(), Wall: time.Now, Boot: clock.SinceBoot, Lease: n.cfg.Lease, Log: n.log,
	}
	if o.Lease > 0 {
		o.Tick = exec.Tick // the guard ends the runs should this process stand still
	}
	if n.shipper != nil {
		o.Shipper = n.shipper
	}
	h.worker = worker.New(o)
	from.adopt(h.worker, exec)
	h.publisher = newPublisher(self.ID, n.projects, n.db, &n.packer, n.log)
	n.hand.Store(h) // whole: others look at it all the time
	return nil
}

// dismiss ends what a hand began.
func (h *hand) dismiss(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return h.exec.Close(bounded)
}

// toil runs the worker until ctx ends or it was drained. Where others took it for lost,
// the process goes on with a new one: it may be the machine that stood still.
func (n *node) toil(ctx context.Context) error {
	for {
		lost, err := n.hand.Load().toil(ctx)
		if !lost || ctx.Err() != nil {
			return err
		}
		n.log.Error("this worker was out of touch with the store for longer than its lease, so that others have its jobs: going on with a new one", "worker", n.hand.Load().self.ID)
		if !n.replace(ctx) {
			<-ctx.Done() // with a handover, if one is under way
			return nil
		}
	}
}

func (h *hand) toil(ctx context.Context) (lost bool, err error) {
	publishing, end := context.WithCancel(context.WithoutCancel(ctx))
	var beside sync.WaitGroup
	beside.Go(func() { _ = h.publisher.Run(publishing) }) // it gives no error
	defer beside.Wait()
	defer end()
	if err = h.worker.Run(ctx); errors.Is(err, store.ErrLost) {
		return true, nil
	}
	return false, err
}

// replace puts a new hand in the place of one that is lost, and settles what that left.
// False: it came to nothing, as ctx has ended or the service is leaving for another
// program, which will find that the worker is lost.
func (n *node) replace(ctx context.Context) bool {
	n.part.replace.Lock()
	defer n.part.replace.Unlock()
	if n.part.leaving.Load() {
		return false
	}
	lost := n.hand.Load()
	if !n.insist(ctx, func() error { return n.enlist(ctx) }) {
		return false
	}
	if err := lost.dismiss(ctx); err != nil {
		n.log.Warn("not all of the lost worker could be ended", "worker", lost.self.ID, "error", err)
	}
	return n.insist(ctx, func() error { return n.begin(ctx) })
}

// insist tries each second until it is done. False: ctx has ended before.
func (n *node) insist(ctx context.Context, try func() error) bool {
	for ctx.Err() == nil {
		err := try()
		if err == nil {
			return true
		}
		n.log.Warn("the new worker can't begin; trying again in a second", "error", err)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
	return false
}

func (n *node) begin(ctx context.Context) error {
	if err := n.settling().locks(ctx); err != nil {
		return err
	}
	return n.hand.Load().worker.Enter(ctx)
}

// identity is a worker's row: a new id for each.
func identity(cfg config.Config, version string) (store.Worker, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return store.Worker{}, fmt.Errorf("make the worker's id: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	here := executor.Here()
	return store.Worker{
		ID: id.String(), Host: host, PID: os.Getpid(), Version: version, Slots: cfg.Concurrency, Labels: cfg.WorkerLabels, StartedAt: job.Truncate(time.Now()),
		BootID: here.BootID, PIDNamespace: here.PIDNamespace,
	}, nil
}
