package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"github.com/kedrod/kedrod/internal/clock"
	"github.com/kedrod/kedrod/internal/compress"
	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/disk"
	"github.com/kedrod/kedrod/internal/executor"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/joblog"
	"github.com/kedrod/kedrod/internal/metrics"
	"github.com/kedrod/kedrod/internal/reaper"
	"github.com/kedrod/kedrod/internal/registries"
	"github.com/kedrod/kedrod/internal/retention"
	"github.com/kedrod/kedrod/internal/rundir"
	"github.com/kedrod/kedrod/internal/service"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/sqlite"
	"github.com/kedrod/kedrod/internal/systemd"
	"github.com/kedrod/kedrod/internal/worker"
)

// node is what every process has that runs jobs or may: its data folder, the store, the
// projects, and a worker.
type node struct {
	cfg     config.Config
	process Process
	manager systemd.Manager
	log     *slog.Logger

	db       jobStore
	store    *spared // db, counted and sparing the disk
	found    []foundProject
	self     store.Worker
	exec     *executor.Executor
	projects *projectSet
	runs     rundir.Root
	watcher  *joblog.Watcher
	metrics  *metrics.Metrics
	disk     *disk.Keeper
	worker   *worker.Worker

	publisher *registries.Publisher
	closing   []func() error // in the order in which things were opened
}

// openNode opens what a process needs before it listens. beforeRuns is called once the
// store and the projects are there, and nothing has been started. Close it, also after an
// error.
func openNode(ctx context.Context, cfg config.Config, p Process, beforeRuns func(*node) error) (n *node, err error) {
	n = &node{cfg: cfg, process: p, manager: systemd.Of(p.Environ)}
	log, closeLog, err := openLog(p.Err, cfg.Log)
	if err != nil {
		return n, err
	}
	n.log = log
	n.closes(closeLog)
	folder, err := openFolder(ctx, cfg.DataDir)
	if err != nil {
		return n, err
	}
	n.closes(folder.close)
	noJobsFile(cfg, log)
	if n.db, err = openStore(ctx, storeAt(cfg), log); err != nil {
		return n, err
	}
	n.closes(n.db.Close)
	last := readLastFound(cfg.DataDir)
	n.found, err = findProjects(cfg, p.Environ, func(settings config.Project) (foundProject, bool) { return last.instead(settings, log) })
	if err != nil {
		return n, err
	}
	if err := last.keep(n.found); err != nil { // a disk that is full, most likely
		log.Warn("should a project's folder be gone at the next start, that start fails", "error", err)
	}
	if err := beforeRuns(n); err != nil {
		return n, err
	}
	if n.self, err = identity(cfg, p.Version); err != nil {
		return n, err
	}
	if n.exec, err = executor.New(ctx, executor.Options{WorkerID: n.self.ID, LockFile: executor.LockFile(workerLocks(cfg.DataDir), n.self.ID), Log: log}); err != nil {
		return n, fmt.Errorf("start: %w", err)
	}
	n.closes(func() error {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return n.exec.Close(bounded)
	})
	if n.projects, err = makeProjects(cfg, n.found, n.exec, p.Environ, log); err != nil {
		return n, err
	}
	n.runs = rundir.New(filepath.Join(cfg.DataDir, "runs"))
	n.watcher = joblog.NewWatcher(joblog.Options{Log: log})
	n.metrics = newMetrics(p.Version, cfg, n.db)
	n.disk = disk.New(disk.Options{
		Dir: cfg.DataDir, Ballast: cfg.Disk.Ballast, MinFree: uint64(cfg.Disk.MinFree), Free: service.FreeBytes, Log: log, //nolint:gosec // never negative
	})
	n.store = &spared{counted: &counted{jobStore: n.db, m: n.metrics}, disk: n.disk}
	n.worker = worker.New(worker.Options{
		Self: n.self, Store: n.store, Starter: n.exec, Projects: n.projects.forWorker(), Runs: n.runs,
		Grace: executor.Grace{Int: cfg.StopGrace.Int, Term: cfg.StopGrace.Term}, Drain: cfg.DrainTimeout,
		Watcher: n.watcher, LogSize: cfg.Retention.LogSize, Limits: n.projects.limits(), Wall: wall(cfg), Log: log,
	})
	n.publisher = newPublisher(n.self.ID, n.projects, n.db, &compress.Packer{}, log)
	return n, nil
}

func (n *node) closes(fn func() error) { n.closing = append(n.closing, fn) }

// close closes everything, the last first.
func (n *node) close() error {
	var errs []error
	for i := len(n.closing) - 1; i >= 0; i-- {
		errs = append(errs, n.closing[i]())
	}
	return errors.Join(errs...)
}

// wall is the clock whose steps the worker looks for. What a shared store holds goes by
// the database's clock, so that a step of this machine's is nobody's affair.
func wall(cfg config.Config) func() time.Time {
	if !shared(cfg) {
		return time.Now
	}
	begun := time.Now().Add(-clock.SinceBoot())
	return func() time.Time { return begun.Add(clock.SinceBoot()) }
}

// settle puts in order what an earlier process on this data folder left. stopped: it was
// told to stop meanwhile, before there was anything to stop.
func (n *node) settle(ctx context.Context) (stopped bool, err error) {
	starting, started := untilSignal(ctx, n.process.Signals)
	if db, alone := n.db.(*sqlite.Store); alone {
		err = settle(starting, db, n.worker, n.cfg.DataDir, n.log)
	} else if err = settleLocks(starting, n.cfg.DataDir, n.worker, n.log); err != nil {
		err = fmt.Errorf("start: %w", err)
	}
	if err == nil {
		err = n.db.Reconsider(starting, n.projects.limits())
	}
	return started(), err
}

// background is what goes on beside the worker, in every process.
func (n *node) background(goOn func(func(context.Context) error)) {
	for _, c := range n.projects.catalogs() {
		goOn(c.Run)
	}
	if !n.cfg.NoWorker {
		goOn(n.publisher.Run)
	}
	goOn(n.disk.Run)
	if shared(n.cfg) {
		goOn(reaper.New(reaper.Options{Store: n.db, Boot: clock.SinceBoot, Log: n.log}).Run)
	}
}

// newKeeper makes what deletes what is kept no longer.
func (n *node) newKeeper(ctx context.Context, keep retention.Keep) (*retention.Keeper, error) {
	used, err := lastUse(ctx, n.db)
	if err != nil {
		return nil, err
	}
	return retention.New(retention.Options{
		Store: n.db, Runs: n.runs, Now: n.db.Now, Elapsed: clock.SinceBoot, LastUse: used, Shared: shared(n.cfg) && !hasJobsFile(n.cfg), Keep: keep, Log: n.log,
	}), nil
}

// lastUse is when a worker was last seen, which each is every 15 s; the zero time where
// there was none.
func lastUse(ctx context.Context, db jobStore) (last time.Time, err error) {
	workers, err := db.Workers(ctx, last)
	if err != nil {
		return last, fmt.Errorf("start: %w", err)
	}
	for i := range workers {
		if workers[i].SeenAt.After(last) {
			last = workers[i].SeenAt
		}
	}
	return last, nil
}

// identity is this worker's row: a new id for each start.
func identity(cfg config.Config, version string) (store.Worker, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return store.Worker{}, fmt.Errorf("make the worker's id: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return store.Worker{
		ID: id.String(), Host: host, PID: os.Getpid(), Version: version, Slots: cfg.Concurrency, Labels: cfg.WorkerLabels, StartedAt: job.Truncate(time.Now()),
	}, nil
}

// untilSignal gives a context that ends with the first signal, and a function that
// ends the watch and reports whether one came.
func untilSignal(ctx context.Context, signals <-chan os.Signal) (context.Context, func() bool) {
	starting, cancel := context.WithCancel(ctx)
	came := make(chan bool, 1)
	go func() {
		select {
		case <-signals:
			cancel()
			came <- true
		case <-starting.Done():
			came <- false
		}
	}()
	return starting, func() bool { cancel(); return <-came }
}

// signals drains at the first signal and ends the runs at the second.
func (n *node) signals(ctx context.Context, drain func()) {
	select {
	case sig := <-n.process.Signals:
		n.log.Info("stopping: no new job is started; a second signal ends the runs at once", "signal", sig.String())
		n.tell(n.manager.Stopping("stopping: no new job is started"))
		drain()
	case <-ctx.Done():
		return
	}
	select {
	case sig := <-n.process.Signals:
		n.log.Warn("stopping at once", "signal", sig.String())
		n.worker.Kill()
	case <-ctx.Done():
	}
}

// tell logs what the service manager could not be told.
func (n *node) tell(err error) {
	if err != nil {
		n.log.Warn("the service manager was not told", "error", err)
	}
}
