//go:build unix

package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/kedrod/kedrod/internal/app"
	"github.com/kedrod/kedrod/internal/cli"
	"github.com/kedrod/kedrod/internal/config"
)

// backend is the service itself.
func backend() cli.Backend {
	return cli.Backend{
		Serve: func(ctx context.Context, cfg config.Config, streams cli.Streams) error {
			signals := make(chan os.Signal, 2)
			signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
			defer signal.Stop(signals)
			return app.Serve(ctx, cfg, app.Process{
				Version: version, Environ: os.Environ(), Out: streams.Out, Err: streams.Err, Signals: signals,
			})
		},
		Worker: func(ctx context.Context, cfg config.Config, streams cli.Streams) error {
			signals := make(chan os.Signal, 2)
			signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
			defer signal.Stop(signals)
			return app.Work(ctx, cfg, app.Process{
				Version: version, Environ: os.Environ(), Out: streams.Out, Err: streams.Err, Signals: signals,
			})
		},
		Doctor:  app.Doctor,
		OpenAPI: app.OpenAPI,
		Local:   app.LocalStore,
		Backup:  app.Backup,
		Restore: app.Restore,
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
