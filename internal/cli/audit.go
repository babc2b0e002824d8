package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/config"
)

func (a *app) audit() *cobra.Command {
	var refused bool
	var limit int
	var cursor string
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Show who changed what, and who was refused",
		Long:  "Show who changed what, and who was refused, newest first. It takes an admin's key, or --data-dir as kedrod keys does.",
		Args:  args(0, 0, "no arguments"),
	}
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		if limit < 1 || limit > 500 {
			return usagef("-n must be from 1 to 500")
		}
		outcome := ""
		if refused {
			outcome = "refused"
		}
		return a.administer(false, func(ctx context.Context, c *client.Client, _ string, _ []string) error {
			page, err := c.Audit(ctx, outcome, limit, cursor)
			if err != nil {
				return err
			}
			if a.json() {
				return printJSON(a.Streams.Out, page)
			}
			t := table{head: []string{"TIME", "WHO", "CALL", "OUTCOME", "ADDRESS", "TARGET"}}
			for i := range page.Items {
				e := &page.Items[i]
				t.row(plain(stamp(e.Time, a.Zone)), plain(or(text(e.Who), "nobody")), plain(e.Call), plain(or(text(e.Code), e.Outcome)), plain(e.Address), plain(text(e.Target)))
			}
			t.print(a.Streams.Out, a.out)
			if page.NextCursor != nil {
				a.say("there are more: --cursor %s", *page.NextCursor)
			}
			return nil
		})(cmd, given)
	}
	flags := cmd.Flags()
	flags.BoolVar(&refused, "refused", false, "refusals alone")
	flags.IntVarP(&limit, "limit", "n", 50, "how many, at most 500")
	flags.StringVar(&cursor, "cursor", "", "next_cursor of the page before")
	config.AddStoreFlags(flags)
	return cmd
}
