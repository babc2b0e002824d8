package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kedrod/kedrod/client"
)

func (a *app) show() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show a job: how it ended, its nodes, what it made",
		Args:  args(1, 1, "one id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			id, err := a.resolve(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			job, err := c.Job(cmd.Context(), id, 0)
			if err != nil {
				return err
			}
			if a.json() {
				return printJSON(a.Streams.Out, job)
			}
			nodes, err := c.Nodes(cmd.Context(), id)
			if err != nil {
				return err
			}
			var told []client.Delivery
			if job.CallbackURL != nil && job.Ended() {
				if told, err = c.Deliveries(cmd.Context(), id); err != nil {
					return err
				}
			}
			a.showJob(job, nodes, told)
			return nil
		},
	}
}

// maxShown is how much of the parameters show prints; -o json has them all.
const maxShown = 2000

// showJob prints a job, what went wrong first.
func (a *app) showJob(job *client.Job, nodes []client.Node, told []client.Delivery) {
	out := a.Streams.Out
	if job.Status == "failed" {
		_, _ = fmt.Fprintf(out, "%s  %s\n", a.out.status("failed"), a.out.bold(text(job.Reason)))
		for _, line := range strings.Split(text(job.ErrorMessage), "\n") {
			_, _ = fmt.Fprintf(out, "  %s\n", clean(line))
		}
		_, _ = fmt.Fprintln(out)
	}
	var f facts
	f.add("id", job.ID)
	f.add("pipeline", clean(job.PipelineName))
	f.add("project", clean(job.Project))
	f.add("status", a.statusOf(job))
	f.add("waits for", clean(text(job.WaitingFor)))
	f.add("user", clean(text(job.UserID)))
	f.add("submitted by", clean(text(job.SubmittedBy)))
	f.add("created", a.moment(&job.CreatedAt))
	f.add("runs at", a.moment(job.RunAt))
	f.add("next try", a.moment(job.NextTryAt))
	f.add("started", a.moment(job.StartedAt))
	f.add("cancel asked", a.moment(job.CancelRequestedAt))
	f.add("ended", a.moment(job.CompletedAt))
	if job.ExecutionTime != nil {
		f.add("took", seconds(*job.ExecutionTime))
	}
	if job.Attempt > 0 {
		f.add("attempt", fmt.Sprint(job.Attempt))
	}
	f.add("worker", clean(text(job.Worker)))
	if job.TimeoutSeconds > 0 {
		f.add("time limit", seconds(job.TimeoutSeconds))
	}
	if job.Priority != 0 {
		f.add("priority", fmt.Sprint(job.Priority))
	}
	f.add("retry of", text(job.RetryOf))
	f.add("callback", clean(text(job.CallbackURL)))
	for i := range told {
		f.add("callback is", a.delivery(&told[i]))
	}
	f.add("options", options(job))
	if p := string(job.Parameters); p != "" && p != "{}" && p != "null" {
		f.add("parameters", cut(clean(p), maxShown))
	}
	for _, w := range job.Warnings {
		f.add("warning", a.out.yellow(clean(w)))
	}
	f.add("page", job.WebURL)
	f.print(out, a.out)
	a.showNodes(nodes)
	a.showOutputs(job.Results)
	_, _ = fmt.Fprintf(out, "\nlog: kedrod logs %s\n", short(job.ID))
}

// statusOf writes the state with what is going on in it.
func (a *app) statusOf(job *client.Job) string {
	s := a.out.status(clean(job.Status))
	switch {
	case job.Status == "running" && job.CancelRequestedAt != nil:
		s += ", being cancelled"
	case job.Progress != nil && job.Progress.Total > 0:
		s += fmt.Sprintf(", %d of %s done", job.Progress.Done, count(job.Progress.Total, "node"))
	}
	return s
}

// options lists the run options that were given.
func options(job *client.Job) string {
	var parts []string
	list := func(name string, values []string) {
		if len(values) > 0 {
			parts = append(parts, "--"+name+" "+quote(strings.Join(values, ",")))
		}
	}
	one := func(name string, value *string) {
		if value != nil {
			parts = append(parts, "--"+name+" "+quote(*value))
		}
	}
	list("tags", job.Tags)
	list("node-names", job.NodeNames)
	list("from-nodes", job.FromNodes)
	list("to-nodes", job.ToNodes)
	list("from-inputs", job.FromInputs)
	list("to-outputs", job.ToOutputs)
	list("namespaces", job.Namespaces)
	list("pipeline-names", job.PipelineNames)
	one("env", job.Env)
	one("conf-source", job.ConfSource)
	one("runner", job.Runner)
	if job.IsAsync != nil && *job.IsAsync {
		parts = append(parts, "--is-async")
	}
	if job.OnlyMissingOutputs != nil && *job.OnlyMissingOutputs {
		parts = append(parts, "--only-missing-outputs")
	}
	return clean(strings.Join(parts, " "))
}

func (a *app) showNodes(nodes []client.Node) {
	if len(nodes) == 0 {
		return
	}
	_, _ = fmt.Fprintln(a.Streams.Out)
	t := table{head: []string{"NODE", "STATUS", "TOOK"}}
	for _, n := range nodes {
		length := ""
		if n.Seconds != nil {
			length = seconds(*n.Seconds)
		}
		t.row(plain(n.Name), cell{clean(n.Status), a.out.status}, plain(length))
	}
	t.print(a.Streams.Out, a.out)
}

// showOutputs lists the datasets that the run saved, as far as results tell.
func (a *app) showOutputs(results json.RawMessage) {
	var r struct {
		Outputs []struct {
			Dataset string  `json:"dataset"`
			Path    *string `json:"path"`
			Bytes   *int64  `json:"bytes"`
		} `json:"outputs"`
	}
	if json.Unmarshal(results, &r) != nil || len(r.Outputs) == 0 {
		return
	}
	_, _ = fmt.Fprintln(a.Streams.Out)
	t := table{head: []string{"OUTPUT", "SIZE", "PATH"}}
	for _, o := range r.Outputs {
		size := ""
		if o.Bytes != nil {
			size = bytesOf(*o.Bytes)
		}
		t.row(plain(o.Dataset), plain(size), plain(text(o.Path)))
	}
	t.print(a.Streams.Out, a.out)
}

// bytesOf writes a size: 812 B, 1.4 kB, 50.0 MB.
func bytesOf(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f := float64(n)
	for _, unit := range []string{"kB", "MB", "GB"} {
		if f /= 1000; f < 999.95 {
			return fmt.Sprintf("%.1f %s", f, unit)
		}
	}
	return fmt.Sprintf("%.1f TB", f/1000)
}
