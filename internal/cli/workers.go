package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kedrod/kedrod/client"
)

func (a *app) workers() *cobra.Command {
	cmd := &cobra.Command{
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
				a.say("no worker: jobs wait; start kedrod worker on the same database, or kedrod serve without --no-worker")
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
	cmd.AddCommand(a.workersDrain())
	return cmd
}

func (a *app) workersDrain() *cobra.Command {
	return &cobra.Command{
		Use:   "drain ID…",
		Short: "Have workers take no more jobs and end",
		Long: `Have workers take no more jobs and end once their runs have, as SIGTERM does: what
has not ended within their --drain-timeout goes back to the queue, at no cost. A kedrod
worker exits; of a kedrod serve the API goes on, and its worker is back with the next
start. It returns at once; kedrod workers tells how far they are. Takes an admin's key.`,
		Example: "  kedrod workers drain 4f09aa",
		Args:    args(1, -1, "ids of workers"),
		RunE: func(cmd *cobra.Command, given []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			all, err := c.Workers(cmd.Context())
			if err != nil {
				return err
			}
			found := make([]string, len(given))
			for i, written := range given {
				if found[i], err = findWorker(all, written); err != nil {
					return err
				}
			}
			drained := make([]*client.Worker, 0, len(found))
			for _, id := range found {
				w, err := c.DrainWorker(cmd.Context(), id)
				if err != nil {
					return fmt.Errorf("%s: %w", short(id), err)
				}
				drained = append(drained, w)
				if !a.json() {
					_, _ = fmt.Fprintf(a.Streams.Out, "%s %s\n", short(w.ID), a.afterDrain(w))
				}
			}
			if a.json() {
				return printJSON(a.Streams.Out, map[string]any{"items": drained, "next_cursor": nil})
			}
			return nil
		},
	}
}

// findWorker finds the one whose id begins or ends so.
func findWorker(all []client.Worker, written string) (string, error) {
	var fit []string
	for i := range all {
		id := all[i].ID
		if id == written {
			return id, nil
		}
		if len(written) >= shortest && (strings.HasPrefix(id, written) || strings.HasSuffix(id, written)) {
			fit = append(fit, id)
		}
	}
	switch {
	case len(fit) == 1:
		return fit[0], nil
	case len(fit) > 1:
		return "", usagef("%s fits several workers; give more of its id: %s", quote(written), strings.Join(fit, ", "))
	}
	return "", &client.Error{StatusCode: 404, Problem: client.Problem{Status: 404, Code: "not_found",
		Detail: "no worker has an id that begins or ends with " + quote(written) + ", of " + fmt.Sprint(shortest) + " characters or more; kedrod workers lists them"}}
}

// afterDrain tells what the request came to.
func (a *app) afterDrain(w *client.Worker) string {
	switch {
	case w.Status != "draining":
		return "had ended already: " + a.out.status(clean(w.Status))
	case len(w.Running) > 0:
		return "is " + a.out.status("draining") + ": " + count(len(w.Running), "run") + " may end first"
	}
	return "is " + a.out.status("draining")
}
