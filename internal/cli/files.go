package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/fault"
)

var errNotHere = errors.New("not available on this system: it runs on Linux and macOS")

// ofFiles refuses a verb that knows jobs.db alone where the settings name a database.
func ofFiles(cfg config.Config, verb, instead string) error {
	if cfg.DatabaseURL == "" {
		return nil
	}
	return fault.Newf(fault.Invalid, "kedrod %s works on the jobs.db of a data folder, and the settings name a PostgreSQL database (database_url): %s", verb, instead)
}

func (a *app) backup() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "backup FILE",
		Short:   "Write all jobs into a new file, also while the service runs",
		Long:    "Write what jobs.db holds at one moment into a new file. The service may run meanwhile. Logs and run folders are not part of it.",
		Example: "  kedrod backup /backup/kedrod-2026-11-25.db --data-dir /var/lib/kedrod",
		Args:    args(1, 1, "the file to write"),
		RunE: func(cmd *cobra.Command, given []string) error {
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			if err := ofFiles(cfg, "backup", "pg_dump makes one of the database"); err != nil {
				return err
			}
			if a.Backend.Backup == nil {
				return errNotHere
			}
			file := a.path(given[0])
			if err := a.Backend.Backup(cmd.Context(), cfg.DataDir, file); err != nil {
				return err
			}
			if a.json() {
				return printJSON(a.Streams.Out, map[string]any{"file": file})
			}
			a.say("%s holds every job of %s", file, cfg.DataDir)
			return nil
		},
	}
	config.AddFlags(cmd.Flags())
	return cmd
}

func (a *app) restore() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "restore FILE",
		Short:   "Put a backup into the data folder of a stopped service",
		Long:    "Put a backup in the place of jobs.db. The service must be stopped. What is there is moved aside, never overwritten.",
		Example: "  kedrod restore /backup/kedrod-2026-11-25.db --data-dir /var/lib/kedrod",
		Args:    args(1, 1, "the backup"),
		RunE: func(cmd *cobra.Command, given []string) error {
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			if err := ofFiles(cfg, "restore", "pg_restore does so with the database"); err != nil {
				return err
			}
			if a.Backend.Restore == nil {
				return errNotHere
			}
			aside, err := a.Backend.Restore(cmd.Context(), cfg.DataDir, a.path(given[0]))
			if err != nil {
				return err
			}
			if a.json() {
				return printJSON(a.Streams.Out, map[string]any{"data_dir": cfg.DataDir, "moved_to": aside})
			}
			a.say("%s holds the jobs of the backup; what was running in it is run again at the next start", cfg.DataDir)
			if aside != "" {
				a.say("the jobs that were there are in %s", aside)
			}
			return nil
		},
	}
	config.AddFlags(cmd.Flags())
	return cmd
}

func (a *app) importJobs() *cobra.Command {
	var project string
	var resubmit bool
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Take over the jobs.db of a FastAPI and Celery stack",
		Long: "Take over the jobs of a jobs.db as the usual FastAPI and Celery stack writes it. It may be repeated: a job that is here already stays as it is.\n" +
			"A job that had not ended there counts as failed (worker_lost), unless --resubmit puts it into the queue.",
		Example: "  kedrod import ../old/jobs.db --project /srv/sales",
		Args:    args(1, 1, "the file to read"),
		RunE: func(cmd *cobra.Command, given []string) error {
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			if err := ofFiles(cfg, "import", "it takes jobs over into that file alone"); err != nil {
				return err
			}
			if a.Backend.Import == nil {
				return errNotHere
			}
			done, err := a.Backend.Import(cmd.Context(), cfg, a.Environ, a.path(given[0]), project, resubmit)
			if err != nil {
				return err
			}
			if a.json() {
				return printJSON(a.Streams.Out, map[string]any{"imported": done.New, "known": done.Known, "unfinished": done.Unfinished, "skipped": done.Skipped})
			}
			a.say("%s taken over, %d of which had not ended; %d were here already", count(done.New, "job"), done.Unfinished, done.Known)
			if done.Skipped > 0 {
				a.say("%s skipped: without an id or a pipeline that can be kept (text of 1 to 500 bytes)", count(done.Skipped, "row"))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&project, "as", "", "name of the project that the jobs belong to, where several are served")
	cmd.Flags().BoolVar(&resubmit, "resubmit", false, "jobs that had not ended wait here again")
	config.AddFlags(cmd.Flags())
	return cmd
}
