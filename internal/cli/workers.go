package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) workers() *cobra.Command {
	return &cobra.Command{
		Use:   "workers",
		Short: "List the processes that run jobs",
		Args:  args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			workers, err := c.Workers(cmd.Context())
			if err != nil {
				return err
			}
			if a.json() {
				return printJSON(a.Streams.Out, map[string]any{"items": workers, "next_cursor": nil})
			}
			if len(workers) == 0 {
				a.say("no worker: jobs wait; start kedrod serve without --no-worker")
				return nil
			}
			t := table{head: []string{"WORKER", "STATUS", "HOST", "PID", "SLOTS", "STARTED", "RUNNING"}}
			for _, w := range workers {
				running := make([]string, len(w.Running))
				for i, id := range w.Running {
					running[i] = short(id)
				}
				t.row(plain(short(w.ID)), cell{clean(w.Status), a.out.status}, plain(w.Host), plain(fmt.Sprint(w.PID)),
					plain(fmt.Sprintf("%d/%d", len(w.Running), w.Slots)), plain(ago(w.StartedAt.Time, a.Now())), plain(strings.Join(running, ", ")))
			}
			t.print(a.Streams.Out, a.out)
			return nil
		},
	}
}
