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
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/httpapi"
	"github.com/kedrod/kedrod/internal/notify"
	"github.com/kedrod/kedrod/internal/retention"
	"github.com/kedrod/kedrod/internal/service"
)

// Process is what the service has of the process it runs in.
type Process struct {
	Version string
	Environ []string         // as os.Environ
	Out     io.Writer        // one line: what was found, and where it listens
	Err     io.Writer        // kedrod's own log
	Signals <-chan os.Signal // SIGINT, SIGTERM: the first drains, the second stops at once
	Upgrade <-chan os.Signal // SIGUSR2: go over to the program that now lies at Binary
	Binary  string           // absolute
	Args    []string         // behind the program's name, as it was started
}

// Serve runs the API and a worker until a signal comes or ctx ends. It returns nil after
// an orderly stop. Errors at the start say what to do.
func Serve(ctx context.Context, cfg config.Config, p Process) error {
	return inTurn(cfg, p, func(from *inheritance) (*inheritance, error) {
		s := &server{visitors: newVisitors(), served: make(chan struct{})}
		err := s.serve(ctx, cfg, p, from)
		return s.part.next, err
	})
}

func (s *server) serve(ctx context.Context, cfg config.Config, p Process, from *inheritance) (err error) {
	s.node, err = openNode(ctx, cfg, p, from, func(n *node) error {
		if err := n.persist(ctx, func() error { return checkExposed(ctx, cfg, n.db) }); err != nil {
			return err
		}
		if s.listener, err = from.listen(ctx, cfg.Listen); err == nil {
			n.closes(func() error { _ = s.listener.Close(); return nil }) // closed by the server too
		}
		return err
	})
	defer func() { err = errors.Join(err, s.node.close()) }()
	if err != nil {
		return err
	}
	if stopped, err := s.settle(ctx); stopped || err != nil {
		return err
	}
	var targets *notify.Targets
	s.notifier, targets = newNotifier(cfg, p.Version, s.db, s.metrics, s.log)
	s.service = service.New(service.Options{
		Store: s.store, Projects: s.projects.forService(), Runs: s.runs, DataDir: cfg.DataDir, Version: p.Version,
		Self: s.workerID, Watcher: s.watcher, Logs: s.logReader(), Now: s.db.Now, Log: s.log,
		MinFree: uint64(cfg.Disk.MinFree), Space: s.disk, CheckCallback: targets.Check, //nolint:gosec // never negative
		RateLimit: service.RateLimit{PerSecond: cfg.RateLimit.PerSecond, Burst: cfg.RateLimit.Burst},
	})
	if err := s.persist(ctx, func() error { return s.service.LoadKeys(ctx) }); err != nil {
		return err
	}
	if s.keeper, err = s.newKeeper(ctx, retention.Keep{
		Jobs: cfg.Retention.Jobs, JobsCount: cfg.Retention.JobsCount, Logs: cfg.Retention.Logs, RunsSize: cfg.Retention.LogsTotal, Audit: cfg.Retention.Audit,
	}); err != nil {
		return err
	}
	return s.run(ctx)
}

// server is what runs after everything is made.
type server struct {
	*node
	listener net.Listener
	service  *service.Service
	keeper   *retention.Keeper
	notifier *notify.Notifier

	web      *http.Server
	visitors *visitors
	served   chan struct{} // closed when no connection is taken any more
}

// run serves until told to stop: the worker drains first, while clients can still
// ask; then the API ends.
func (s *server) run(ctx context.Context) error {
	streams, endStreams := context.WithCancel(ctx)
	defer endStreams()
	s.web = &http.Server{
		ConnState: s.visitors.note,
		Handler: s.part.goodbye(httpapi.New(httpapi.Options{
			Service: s.service, Version: s.process.Version, IgnoreUnknownFields: s.cfg.UnknownFields == config.Ignore,
			Log: s.log, Done: streams.Done(), Metrics: s.metrics.Handler(), MetricsPublic: s.cfg.MetricsPublic, AllowedHosts: allowedHosts(s.cfg.Listen), Origins: s.cfg.CORSOrigins,
		})),
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
		if err := s.persist(ctx, func() error { return s.hand.Load().worker.Enter(ctx) }); err != nil {
			return fmt.Errorf("start of the worker: %w", err)
		}
	}
	group, failed := errgroup.WithContext(background)
	group.Go(func() error {
		defer close(s.served)
		if err := s.web.Serve(limitConnections(s.listener)); !errors.Is(err, http.ErrServerClosed) && !s.part.leaving.Load() {
			return fmt.Errorf("serve HTTP: %w", err)
		}
		return nil
	})
	parts := newParts(background)
	s.background(parts.goOn)
	parts.goOn(s.service.WatchKeys)
	parts.goOn(s.keeper.Run)
	parts.goOn(s.notifier.Run)
	group.Go(parts.wait)
	group.Go(func() error { s.signals(failed, func() { s.service.Stop(); drain() }); return nil })
	group.Go(func() error { s.feedWatchdog(background); return nil })
	group.Go(func() error {
		s.upgrades(draining, ends{parts: parts.end, api: func() { endStreams(); s.letOut(); s.shutdown(ctx) }, rest: drain, listener: s.listener})
		return nil
	})
	s.greet(s.greeting())
	s.tell(s.manager.Ready(s.greeting()))
	s.log.Info("kedrod serves", "address", "http://"+s.listener.Addr().String(), "version", s.process.Version, "data_dir", s.cfg.DataDir,
		"slots", s.cfg.Concurrency, "authentication", s.service.AuthenticationOn())

	workerErr := s.work(draining, failed)
	drain() // where something failed: who waits for an upgrade waits no more
	endStreams()
	s.shutdown(ctx)
	endBackground()
	err := group.Wait()
	if s.part.next != nil {
		return errors.Join(workerErr, err)
	}
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
	if err := s.toil(either); err != nil || either.Err() != nil {
		return err
	}
	if s.part.leaving.Load() {
		<-either.Done()
		return nil
	}
	s.log.Warn("this worker was drained: the API goes on, and jobs wait for another worker or the next start")
	<-either.Done()
	return nil
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
