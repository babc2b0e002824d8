package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/kedrod/kedrod/internal/config"
)

func (a *app) worker() *cobra.Command {
	var preflight *bool
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "Run jobs of a PostgreSQL database, on any machine that has the project",
		Long: `Run jobs that wait in a PostgreSQL database, on any machine that has the project
and reaches the database. It listens nowhere; kedrod serve on the same database accepts
and shows the jobs. Any number of workers may run.

One line on standard output says when it is ready. SIGINT or SIGTERM drains: runs may
end within --drain-timeout, and what is left goes back to the queue; a second signal
stops at once. kedrod workers drain does the same from elsewhere. SIGUSR2 goes over to the
binary that now lies where this one was started from, and interrupts no run.

Each needs a data folder of its own (--data-dir), on a local disk, for runs and caches.`,
		Example: "  kedrod worker --database-url-file /etc/kedrod/database-url --project /srv/sales\n" +
			"  kedrod worker --config /etc/kedrod/kedrod.yaml --worker-labels gpu=a100 --concurrency 1",
		Args: args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			if *preflight && a.Backend.Preflight != nil {
				return a.Backend.Preflight(cmd.Context(), cfg)
			}
			if a.Backend.Worker == nil {
				return errors.New("kedrod worker is not available on this system: it runs on Linux and macOS")
			}
			return a.Backend.Worker(cmd.Context(), cfg, a.Streams)
		},
	}
	config.AddWorkerFlags(cmd.Flags())
	preflight = preflightFlag(cmd)
	return cmd
}
