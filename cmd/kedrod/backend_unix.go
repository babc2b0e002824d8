//go:build unix

package main

import (
	"context"
	"os"
	"os/signal"

	"github.com/kedrod/kedrod/internal/app"
	"github.com/kedrod/kedrod/internal/cli"
	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/handover"
)

// backend is the service itself.
func backend() cli.Backend {
	return cli.Backend{
		Serve: func(ctx context.Context, cfg config.Config, streams cli.Streams) error {
			return inProcess(streams, func(p app.Process) error { return app.Serve(ctx, cfg, p) })
		},
		Worker: func(ctx context.Context, cfg config.Config, streams cli.Streams) error {
			return inProcess(streams, func(p app.Process) error { return app.Work(ctx, cfg, p) })
		},
		Preflight: func(ctx context.Context, cfg config.Config) error { return app.Preflight(ctx, cfg, os.Environ()) },
		Doctor:    app.Doctor,
		OpenAPI:   app.OpenAPI,
		Local:     app.LocalStore,
		Backup:    app.Backup,
		Restore:   app.Restore,
		Import: func(ctx context.Context, cfg config.Config, environ []string, from, project string, resubmit bool) (cli.Imported, error) {
			done, err := app.Import(ctx, cfg, environ, from, project, resubmit)
			return cli.Imported(done), err
		},
		Migrate: func(ctx context.Context, from, to string, tell func(table string, done, of int64)) (cli.Moved, error) {
			done, err := app.Migrate(ctx, from, to, tell)
			return cli.Moved(done), err
		},
	}
}

// inProcess runs a service with what it has of this process.
func inProcess(streams cli.Streams, run func(app.Process) error) error {
	binary, err := handover.Program(os.Args[0], os.Getenv("PATH"))
	if err != nil {
		return err
	}
	signals := handover.StopSignals()
	defer signal.Stop(signals)
	return run(app.Process{
		Version: version, Environ: os.Environ(), Out: streams.Out, Err: streams.Err, Signals: signals, Upgrade: handover.UpgradeSignals(),
		Binary: binary, Args: os.Args[1:],
	})
}
