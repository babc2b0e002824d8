package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kedrod/kedrod/client"
)

func (a *app) cancel() *cobra.Command {
	return &cobra.Command{
		Use:   "cancel ID…",
		Short: "Cancel jobs",
		Long:  "Cancel jobs. One that runs is cancelled once its last process is gone; kedrod show tells.",
		Args:  args(1, -1, "one or more ids"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			ids := make([]string, len(args))
			for i, written := range args {
				if ids[i], err = a.resolve(cmd.Context(), c, written); err != nil {
					return err
				}
			}
			jobs := make([]*client.Job, 0, len(ids))
			for _, id := range ids {
				job, err := c.Cancel(cmd.Context(), id)
				if err != nil {
					return fmt.Errorf("%s: %w", short(id), err)
				}
				jobs = append(jobs, job)
				if !a.json() {
					_, _ = fmt.Fprintf(a.Streams.Out, "%s %s\n", short(job.ID), a.afterCancel(job))
				}
			}
			switch {
			case a.json() && len(jobs) == 1:
				return printJSON(a.Streams.Out, jobs[0])
			case a.json():
				return printJSON(a.Streams.Out, map[string]any{"items": jobs, "next_cursor": nil})
			}
			return nil
		},
	}
}

// afterCancel tells what the request came to.
func (a *app) afterCancel(job *client.Job) string {
	switch {
	case job.Status == "cancelled":
		return a.out.status("cancelled")
	case job.Ended():
		return "had ended already: " + a.out.status(clean(job.Status))
	}
	return "is being cancelled: its processes are told to end"
}
