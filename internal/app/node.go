package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/kedrod/kedrod/internal/clock"
	"github.com/kedrod/kedrod/internal/compress"
	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/disk"
	"github.com/kedrod/kedrod/internal/joblog"
	"github.com/kedrod/kedrod/internal/logship"
	"github.com/kedrod/kedrod/internal/metrics"
	"github.com/kedrod/kedrod/internal/reaper"
	"github.com/kedrod/kedrod/internal/retention"
	"github.com/kedrod/kedrod/internal/rundir"
	"github.com/kedrod/kedrod/internal/service"
	"github.com/kedrod/kedrod/internal/store/sqlite"
	"github.com/kedrod/kedrod/internal/systemd"
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
	projects *projectSet
	runs     rundir.Root
	watcher  *joblog.Watcher
	metrics  *metrics.Metrics
	disk     *disk.Keeper
	packer   compress.Packer
	shipper  *logship.Shipper     // nil: logs are read on this machine only
	hand     atomic.Pointer[hand] // the worker as it is now

	from *inheritance // nil: nobody went before
	part parting
	lock *os.File // of the data folder

	closing []func() error // in the order in which things were opened
}

// openNode opens what a process needs before it listens. beforeRuns is called once the
// store and the projects are there, and nothing has been started. Close it, also after an
// error.
func openNode(ctx context.Context, cfg config.Config, p Process, from *inheritance, beforeRuns func(*node) error) (n *node, err error) {
	n = &node{cfg: cfg, process: p, from: from, manager: systemd.Of(p.Environ)}
	log, closeLog, err := openLog(p.Err, cfg.Log)
	if err != nil {
		return n, err
	}
	n.log = log
	n.closes(closeLog)
	folder, err := from.folder(ctx, cfg.DataDir)
	if err != nil {
		return n, err
	}
	n.lock = folder.lock
	n.closes(func() error {
		if n.part.next != nil {
			return nil
		}
		return folder.close()
	})
	noJobsFile(cfg, log)
	err = n.persist(ctx, func() (err error) { n.db, err = openStore(ctx, storeAt(cfg), log); return err })
	if err != nil {
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
	n.runs = rundir.New(filepath.Join(cfg.DataDir, "runs"))
	n.watcher = joblog.NewWatcher(joblog.Options{Log: log})
	n.metrics = newMetrics(p.Version, cfg, n.db)
	n.disk = disk.New(disk.Options{
		Dir: cfg.DataDir, Ballast: cfg.Disk.Ballast, MinFree: uint64(cfg.Disk.MinFree), Free: service.FreeBytes, Log: log, //nolint:gosec // never negative
	})
	n.store = &spared{counted: &counted{jobStore: n.db, m: n.metrics}, disk: n.disk}
	n.closes(func() error {
		if h := n.hand.Load(); h != nil && n.part.next == nil { // its runs go on
			return h.dismiss(ctx)
		}
		return nil
	})
	if err := n.openShipper(); err != nil {
		return n, fmt.Errorf("start: %w", err)
	}
	return n, n.enlist(ctx)
}

func (n *node) closes(fn func() error) { n.closing = append(n.closing, fn) }

func (n *node) persist(ctx context.Context, try func() error) error {
	return n.from.persist(ctx, n.cfg.Lease, try)
}

// close closes everything, the last first.
func (n *node) close() error {
	var errs []error
	for i := len(n.closing) - 1; i >= 0; i-- {
		errs = append(errs, n.closing[i]())
	}
	return errors.Join(errs...)
}

// settle puts in order what an earlier process on this data folder left. stopped: it was
// told to stop meanwhile, before there was anything to stop. On a shared store who goes on
// for another settles later (settleLater): first comes the renewal of its lease.
func (n *node) settle(ctx context.Context) (stopped bool, err error) {
	if n.from != nil && shared(n.cfg) {
		return false, nil
	}
	starting, started := n.from.untilSignal(ctx, n.process.Signals)
	if db, alone := n.db.(*sqlite.Store); alone {
		err = settle(starting, db, n.hand.Load(), n.settling())
	} else if err = n.settling().locks(starting); err != nil {
		err = fmt.Errorf("start: %w", err)
	}
	if err == nil && n.from != nil {
		err = n.hand.Load().worker.ReturnForgotten(starting)
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
	goOn(n.disk.Run)
	if n.shipper != nil {
		goOn(n.shipper.Run)
	}
	if shared(n.cfg) {
		goOn(n.settleLater)
		goOn(reaper.New(reaper.Options{Store: n.db, Boot: clock.SinceBoot, Log: n.log}).Run)
	}
}

// newKeeper makes what deletes what is kept no longer.
func (n *node) newKeeper(ctx context.Context, keep retention.Keep) (*retention.Keeper, error) {
	var used time.Time
	err := n.persist(ctx, func() (err error) { used, err = lastUse(ctx, n.db); return err })
	if err != nil {
		return nil, err
	}
	return retention.New(retention.Options{
		Store: n.db, Runs: n.runs, Now: n.db.Now, Elapsed: clock.SinceBoot, LastUse: used, Shared: shared(n.cfg) && !hasJobsFile(n.cfg), Logs: n.remoteLogs(), Keep: keep, Log: n.log,
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
	if !n.told(ctx, 1) {
		return
	}
	n.log.Info("stopping: no new job is started; a second signal ends the runs at once")
	n.tell(n.manager.Stopping("stopping: no new job is started"))
	drain()
	if n.told(ctx, 2) {
		n.log.Warn("stopping at once")
		n.hand.Load().worker.Kill()
	}
}

// told waits for so many signals to stop, with those that came before a handover. False:
// ctx has ended.
func (n *node) told(ctx context.Context, times int) bool {
	if n.from == nil || n.from.Stops < times {
		select {
		case <-n.process.Signals:
		case <-ctx.Done():
			return false
		}
	}
	n.part.stops.Store(int64(times))
	return true
}

// tell logs what the service manager could not be told.
func (n *node) tell(err error) {
	if err != nil {
		n.log.Warn("the service manager was not told", "error", err)
	}
}
