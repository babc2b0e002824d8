package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/kedrod/kedrod/internal/config"
)

func (a *app) serve() *cobra.Command {
	var preflight *bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve Kedro projects over HTTP and run their pipelines",
		Long: `Serve Kedro projects over HTTP and run their pipelines.

Started inside a Kedro project it needs no flags. One line on standard output names
the address once it listens. SIGINT or SIGTERM drains: runs may end within
--drain-timeout; a second signal stops at once. SIGUSR2 goes over to the binary that now
lies where this one was started from: runs and new connections are not interrupted.`,
		Example: "  kedrod serve\n  kedrod serve --project /srv/sales --listen 127.0.0.1:9000",
		Args:    args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			if *preflight && a.Backend.Preflight != nil {
				return a.Backend.Preflight(cmd.Context(), cfg)
			}
			if a.Backend.Serve == nil {
				return errors.New("kedrod serve is not available on this system: it runs on Linux and macOS")
			}
			return a.Backend.Serve(cmd.Context(), cfg, a.Streams)
		},
	}
	config.AddFlags(cmd.Flags())
	preflight = preflightFlag(cmd)
	return cmd
}

// preflightFlag adds the hidden flag by which a running kedrod asks its successor whether
// it could go on.
func preflightFlag(cmd *cobra.Command) *bool {
	asked := cmd.Flags().Bool("preflight", false, "what a running kedrod asks its successor")
	cmd.Flags().Lookup("preflight").Hidden = true
	return asked
}

// load finds the settings, and tells what has no effect.
func (a *app) load(cmd *cobra.Command) (config.Config, error) {
	cfg, warnings, err := config.Load(cmd.Flags(), a.Environ, a.Dir)
	for _, w := range warnings {
		a.say("%s %s", a.err.yellow("warning:"), w.Message)
	}
	return cfg, err
}
