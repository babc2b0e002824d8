// Package app puts the rooms together: it is the only one that sees them all. It
// starts what `kedrod serve` is made of, in an order in which each part finds what
// it needs, and stops it in reverse.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/kedrod/kedrod/internal/clock"
	"github.com/kedrod/kedrod/internal/compress"
	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/disk"
	"github.com/kedrod/kedrod/internal/executor"
	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/httpapi"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/joblog"
	"github.com/kedrod/kedrod/internal/metrics"
	"github.com/kedrod/kedrod/internal/notify"
	"github.com/kedrod/kedrod/internal/registries"
	"github.com/kedrod/kedrod/internal/retention"
	"github.com/kedrod/kedrod/internal/rundir"
	"github.com/kedrod/kedrod/internal/service"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/sqlite"
	"github.com/kedrod/kedrod/internal/systemd"
	"github.com/kedrod/kedrod/internal/worker"
)

// Process is what the service has of the process it runs in.
type Process struct {
	Version string
	Environ []string         // as os.Environ
	Out     io.Writer        // one line: what was found, and where it listens
	Err     io.Writer        // kedrod's own log
	Signals <-chan os.Signal // SIGINT, SIGTERM: the first drains, the second stops at once
}

// Serve runs the API and a worker over SQLite until a signal comes or ctx ends. It
// returns nil after an orderly stop. Errors at the start say what to do.
func Serve(ctx context.Context, cfg config.Config, p Process) (err error) {
	log, closeLog, err := openLog(p.Err, cfg.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeLog()) }()
	folder, err := openFolder(ctx, cfg.DataDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, folder.close()) }()
	db, err := sqlite.Open(ctx, filepath.Join(cfg.DataDir, "jobs.db"), sqlite.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := checkExposed(ctx, cfg, db); err != nil {
		return err
	}
	last := readLastFound(cfg.DataDir)
	found, err := findProjects(cfg, p.Environ, func(settings config.Project) (foundProject, bool) { return last.instead(settings, log) })
	if err != nil {
		return err
	}
	if err := last.keep(found); err != nil { // a disk that is full, most likely
		log.Warn("should a project's folder be gone at the next start, that start fails", "error", err)
	}
	listener, err := listen(ctx, cfg.Listen)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }() // closed by the server too
	self, err := identity(cfg, p.Version)
	if err != nil {
		return err
	}
	exec, err := executor.New(ctx, executor.Options{WorkerID: self.ID, LockFile: executor.LockFile(workerLocks(cfg.DataDir), self.ID), Log: log})
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	defer func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, exec.Close(bounded))
	}()
	projects, err := makeProjects(cfg, found, exec, p.Environ, log)
	if err != nil {
		return err
	}
	runs := rundir.New(filepath.Join(cfg.DataDir, "runs"))
	watcher := joblog.NewWatcher(joblog.Options{Log: log})
	figures := newMetrics(p.Version, cfg.DataDir, db)
	space := disk.New(disk.Options{
		Dir: cfg.DataDir, Ballast: cfg.Disk.Ballast, MinFree: uint64(cfg.Disk.MinFree), Free: service.FreeBytes, Log: log, //nolint:gosec // never negative
	})
	sparing := &spared{counted: &counted{Store: db, m: figures}, disk: space}
	w := worker.New(worker.Options{
		Self: self, Store: sparing, Starter: exec, Projects: projects.forWorker(), Runs: runs,
		Grace: executor.Grace{Int: cfg.StopGrace.Int, Term: cfg.StopGrace.Term}, Drain: cfg.DrainTimeout,
		Watcher: watcher, LogSize: cfg.Retention.LogSize, Limits: projects.limits(), Wall: time.Now, Log: log,
	})
	starting, started := untilSignal(ctx, p.Signals)
	if err = settle(starting, db, w, cfg.DataDir, log); err == nil {
		err = db.Reconsider(starting, projects.limits())
	}
	if started() {
		return nil // told to stop before there was anything to stop
	}
	if err != nil {
		return err
	}
	notifier, targets := newNotifier(cfg, p.Version, db, figures, log)
	svc := service.New(service.Options{
		Store: sparing, Projects: projects.forService(), Runs: runs, DataDir: cfg.DataDir, Version: p.Version,
		Self: workerID(cfg, self), Watcher: watcher, Now: time.Now, Log: log,
		MinFree: uint64(cfg.Disk.MinFree), Space: space, CheckCallback: targets.Check, //nolint:gosec // never negative
		RateLimit: service.RateLimit{PerSecond: cfg.RateLimit.PerSecond, Burst: cfg.RateLimit.Burst},
	})
	if err := svc.LoadKeys(ctx); err != nil {
		return err
	}
	used, err := lastUse(ctx, db)
	if err != nil {
		return err
	}
	keeper := retention.New(retention.Options{
		Store: db, Runs: runs, Now: time.Now, Elapsed: clock.SinceBoot, LastUse: used, Log: log,
		Keep: retention.Keep{
			Jobs: cfg.Retention.Jobs, JobsCount: cfg.Retention.JobsCount, Logs: cfg.Retention.Logs, RunsSize: cfg.Retention.LogsTotal,
			Audit: cfg.Retention.Audit,
		},
	})
	publisher := newPublisher(self.ID, projects, db, &compress.Packer{}, log)
	s := &server{publisher: publisher, disk: space, metrics: figures, keeper: keeper, notifier: notifier, cfg: cfg, process: p, manager: systemd.Of(p.Environ), log: log, worker: w, projects: projects, listener: listener, service: svc}
	return s.run(ctx)
}

// lastUse is when a worker was last seen, which each is every 15 s; the zero time where
// there was none.
func lastUse(ctx context.Context, db *sqlite.Store) (last time.Time, err error) {
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

// server is what runs after everything is made.
type server struct {
	cfg      config.Config
	process  Process
	manager  systemd.Manager
	log      *slog.Logger
	worker   *worker.Worker
	projects *projectSet
	listener net.Listener
	service  *service.Service
	keeper   *retention.Keeper
	notifier *notify.Notifier
	metrics  *metrics.Metrics
	disk     *disk.Keeper

	publisher *registries.Publisher
}

// run serves until told to stop: the worker drains first, while clients can still
// ask; then the API ends.
func (s *server) run(ctx context.Context) error {
	streams, endStreams := context.WithCancel(ctx)
	defer endStreams()
	web := &http.Server{
		Handler: httpapi.New(httpapi.Options{
			Service: s.service, Version: s.process.Version, IgnoreUnknownFields: s.cfg.UnknownFields == config.Ignore,
			Log: s.log, Done: streams.Done(), Metrics: s.metrics.Handler(), MetricsPublic: s.cfg.MetricsPublic, AllowedHosts: allowedHosts(s.cfg.Listen), Origins: s.cfg.CORSOrigins,
		}),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	draining, drain := context.WithCancel(ctx)
	defer drain()
	background, endBackground := context.WithCancel(ctx)
	defer endBackground()

	if !s.cfg.NoWorker { // before anybody can look
		if err := s.worker.Enter(ctx); err != nil {
			return fmt.Errorf("start of the worker: %w", err)
		}
	}
	group, failed := errgroup.WithContext(background)
	group.Go(func() error {
		if err := web.Serve(limitConnections(s.listener)); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve HTTP: %w", err)
		}
		return nil
	})
	for _, c := range s.projects.catalogs() {
		group.Go(func() error { return c.Run(background) })
	}
	if !s.cfg.NoWorker {
		group.Go(func() error { return s.publisher.Run(background) })
	}
	group.Go(func() error { return s.service.WatchKeys(background) })
	group.Go(func() error { return s.keeper.Run(background) })
	group.Go(func() error { return s.disk.Run(background) })
	group.Go(func() error { return s.notifier.Run(background) })
	group.Go(func() error { s.signals(failed, drain); return nil })
	group.Go(func() error { s.feedWatchdog(background); return nil })
	if _, err := fmt.Fprintln(s.process.Out, s.greeting()); err != nil {
		s.log.Warn("the line about the address could not be printed", "error", err)
	}
	s.tell(s.manager.Ready(s.greeting()))
	s.log.Info("kedrod serves", "address", "http://"+s.listener.Addr().String(), "version", s.process.Version, "data_dir", s.cfg.DataDir,
		"slots", s.cfg.Concurrency, "authentication", s.service.AuthenticationOn())

	workerErr := s.work(draining, failed)
	endStreams()
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if err := web.Shutdown(bounded); err != nil {
		_ = web.Close() // who is still connected after 3 s is cut off
	}
	endBackground()
	err := group.Wait()
	s.log.Info("kedrod has stopped")
	return errors.Join(workerErr, err)
}

// work runs the worker, or waits, until draining or failed ends.
func (s *server) work(draining, failed context.Context) error {
	either, cancel := context.WithCancel(draining)
	defer cancel()
	stop := context.AfterFunc(failed, cancel)
	defer stop()
	if s.cfg.NoWorker {
		<-either.Done()
		return nil
	}
	if err := s.worker.Run(either); err != nil || either.Err() != nil {
		return err
	}
	s.log.Warn("this worker was drained: the API goes on, and jobs wait for another worker or the next start")
	<-either.Done()
	return nil
}

// signals drains at the first signal and ends the runs at the second.
func (s *server) signals(ctx context.Context, drain context.CancelFunc) {
	select {
	case sig := <-s.process.Signals:
		s.log.Info("stopping: no new job is started; a second signal ends the runs at once", "signal", sig.String())
		s.tell(s.manager.Stopping("stopping: no new job is started"))
		s.service.Stop()
		drain()
	case <-ctx.Done():
		return
	}
	select {
	case sig := <-s.process.Signals:
		s.log.Warn("stopping at once", "signal", sig.String())
		s.worker.Kill()
	case <-ctx.Done():
	}
}

func (s *server) greeting() string {
	line := "kedrod listens on http://" + s.listener.Addr().String() + " and runs " + s.projects.describe()
	if s.cfg.NoWorker {
		line += " (no worker here)"
	}
	return line
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "can't listen on "+address+": another program may have it; choose another with --listen HOST:PORT")
	}
	return l, nil
}

// allowedHosts keeps a page in somebody's browser from reaching a loopback service
// under a name of its own (DNS rebinding). nil: any.
func allowedHosts(address string) []string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil
	}
	if ip := net.ParseIP(host); strings.EqualFold(host, "localhost") || (ip != nil && ip.IsLoopback()) {
		return []string{"localhost", "127.0.0.1", "::1", host}
	}
	return nil
}
