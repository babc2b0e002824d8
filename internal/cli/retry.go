package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kedrod/kedrod/client"
)

func (a *app) retry() *cobra.Command {
	var wait waitFlags
	var follow bool
	cmd := &cobra.Command{
		Use:   "retry ID…",
		Short: "Submit jobs that ended once more",
		Long: `Submit jobs that ended once more, each as a new job with the fields of the old one. The
new ids are printed on standard output; -o json prints the new job, or a list of them.`,
		Args: args(1, -1, "one or more ids"),
		RunE: func(cmd *cobra.Command, args []string) error {
			limit, err := wait.limit()
			if err != nil {
				return err
			}
			waits := wait.on || follow || limit > 0
			if waits && len(args) > 1 {
				return usagef("--wait and --follow take one id")
			}
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
			if len(ids) == 1 {
				job, err := c.Retry(cmd.Context(), ids[0], client.Retry{})
				if err != nil {
					return err
				}
				return a.submitted(cmd.Context(), c, job, waits, follow, limit)
			}
			var refused error // what was submitted before is told all the same
			jobs := make([]*client.Job, 0, len(ids))
			for _, id := range ids {
				job, err := c.Retry(cmd.Context(), id, client.Retry{})
				if err != nil {
					refused = fmt.Errorf("%s: %w", short(id), err)
					break
				}
				jobs = append(jobs, job)
				if !a.json() {
					_, _ = fmt.Fprintln(a.Streams.Out, job.ID)
				}
			}
			if a.json() {
				if err := printJSON(a.Streams.Out, map[string]any{"items": jobs, "next_cursor": nil}); err != nil {
					return err
				}
			}
			return refused
		},
	}
	wait.flags(cmd.Flags())
	cmd.Flags().BoolVar(&follow, "follow", false, "print the log as it grows, until the end")
	return cmd
}
