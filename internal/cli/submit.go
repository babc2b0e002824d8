package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kedrod/kedrod/client"
)

func (a *app) submit() *cobra.Command {
	var (
		f           submission
		wait        waitFlags
		follow, dry bool
		key         string
	)
	cmd := &cobra.Command{
		Use:   "submit PIPELINE",
		Short: "Submit a run of a pipeline",
		Long: `Submit a run of a pipeline. The job's id is printed on standard output, messages on
standard error; -o json prints one object, the job.

A dotted key makes nested objects, as in Kedro: -p model.depth=3 is {"model": {"depth": 3}}.
A key that holds dots of its own goes by --params FILE.`,
		Example: "  kedrod submit train --wait\n  kedrod submit train -p learning_rate=0.1 -s model.kind=forest --follow",
		Args:    args(0, 1, "one pipeline"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.build(&f, cmd.Flags(), args)
			if err != nil {
				return err
			}
			switch {
			case s.PipelineName == "" && len(s.PipelineNames) == 0:
				return usagef("which pipeline? kedrod pipelines lists them")
			case s.PipelineName != "" && len(s.PipelineNames) > 0:
				return usagef("PIPELINE and --pipeline-names say the same; give one of them")
			case s.RunAt != nil && s.DelaySeconds != nil:
				return usagef("--run-at and --delay say the same; give one of them")
			case dry && (wait.on || wait.text != "" || follow || key != ""):
				return usagef("--dry-run runs nothing: leave out --wait, --wait-timeout, --follow and --idempotency-key")
			case dry:
				return a.dryRun(cmd.Context(), s)
			}
			limit, err := wait.limit()
			if err != nil {
				return err
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			job, err := c.Submit(cmd.Context(), s, client.SubmitOptions{IdempotencyKey: key})
			if err != nil {
				return err
			}
			return a.submitted(cmd.Context(), c, job, wait.on || follow || limit > 0, follow, limit)
		},
	}
	f.flags(cmd.Flags())
	wait.flags(cmd.Flags())
	cmd.Flags().BoolVar(&follow, "follow", false, "print the log as it grows, until the end")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would run, and run nothing")
	cmd.Flags().StringVar(&key, "idempotency-key", "", "a second submission with this key gives the first job")
	cmd.ValidArgsFunction = a.completePipelines
	return cmd
}

// submitted tells of an accepted job, and sees it to its end if that is wanted.
func (a *app) submitted(ctx context.Context, c *client.Client, job *client.Job, wait, follow bool, limit time.Duration) error {
	for _, w := range job.Warnings {
		a.say("%s %s", a.err.yellow("warning:"), w)
	}
	switch {
	case a.json() && !wait:
		return printJSON(a.Streams.Out, job)
	case a.json(), follow:
		a.say("submitted %s", job.ID)
	default:
		if _, err := fmt.Fprintln(a.Streams.Out, job.ID); err != nil {
			return err
		}
	}
	if !wait {
		a.say("submitted %s; its log: kedrod logs -f %s", clean(job.PipelineName), short(job.ID))
		return nil
	}
	ended, err := a.see(ctx, c, job, follow, limit)
	if ended != nil && a.json() {
		if err := printJSON(a.Streams.Out, ended); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	return endOf(ended)
}
