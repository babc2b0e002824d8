package cli

import (
	"errors"
	"io"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"github.com/kedrod/kedrod/client"
)

func (a *app) logs() *cobra.Command {
	var (
		follow        bool
		attempt, tail int
	)
	cmd := &cobra.Command{
		Use:   "logs ID",
		Short: "Print a job's log",
		Long: `Print a job's log, every byte as the run wrote it. With -f it is printed as it grows,
until the job has ended; the exit code is then that of the job.`,
		Args: args(1, 1, "one id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case attempt < 0 || cmd.Flags().Changed("attempt") && attempt == 0:
				return usagef("--attempt counts from 1")
			case tail < 0 || cmd.Flags().Changed("tail") && tail == 0:
				return usagef("--tail must be 1 or more")
			case a.json():
				return usagef("a log has no -o json; it is text")
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			c, err := a.client()
			if err != nil {
				return err
			}
			id, err := a.resolve(ctx, c, args[0])
			if err != nil {
				return err
			}
			if !follow {
				body, err := c.Logs(ctx, id, client.LogOptions{Attempt: attempt, Tail: tail})
				if err != nil {
					return err
				}
				_, err = io.Copy(a.Streams.Out, body)
				err = errors.Join(err, body.Close())
				if ctx.Err() != nil {
					return ending(exitInterrupted)
				}
				return err
			}
			err = a.followJob(ctx, c, id, attempt, tail, a.Streams.Out)
			if ctx.Err() != nil {
				return ending(exitInterrupted)
			}
			if err != nil || attempt > 0 {
				return err
			}
			job, err := c.Wait(ctx, id)
			if err != nil {
				return err
			}
			a.tellEnd(job)
			return endOf(job)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "print it as it grows, until the end")
	cmd.Flags().IntVar(&attempt, "attempt", 0, "of this attempt (default the last one)")
	cmd.Flags().IntVar(&tail, "tail", 0, "only the last lines")
	return cmd
}
