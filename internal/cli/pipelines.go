package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kedrod/kedrod/client"
)

func (a *app) pipelines() *cobra.Command {
	var (
		project string
		refresh bool
	)
	cmd := &cobra.Command{
		Use:   "pipelines [NAME]",
		Short: "List pipelines, or show one",
		Args:  args(0, 1, "at most one pipeline"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			if len(args) == 1 {
				p, err := c.Pipeline(cmd.Context(), args[0], project)
				if err != nil {
					return err
				}
				if a.json() {
					return printJSON(a.Streams.Out, p)
				}
				a.showPipeline(p)
				return nil
			}
			list, err := c.Pipelines(cmd.Context(), project)
			if refresh && err == nil {
				list, err = a.refresh(cmd.Context(), c, project)
			}
			if err != nil {
				return err
			}
			if a.json() {
				return printJSON(a.Streams.Out, list)
			}
			a.printPipelines(list)
			return nil
		},
	}
	cmd.Flags().StringVar(&project, "project", "", "of this project")
	cmd.Flags().BoolVar(&refresh, "refresh", false, "read the projects anew first")
	cmd.ValidArgsFunction = a.completePipelines
	return cmd
}

// refresh has the registries read anew and waits for that, a minute at most.
func (a *app) refresh(ctx context.Context, c *client.Client, project string) (*client.PipelineList, error) {
	list, err := c.RefreshPipelines(ctx, project)
	for range 120 {
		if err != nil || !reading(list) {
			break
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
		list, err = c.Pipelines(ctx, project)
	}
	return list, err
}

func reading(list *client.PipelineList) bool {
	for _, p := range list.Projects {
		if p.Refreshing {
			return true
		}
	}
	return false
}

func (a *app) printPipelines(list *client.PipelineList) {
	for _, p := range list.Projects {
		switch {
		case p.Error != nil:
			a.say("%s the pipelines of %s can't be read: %s: %s", a.err.red("error:"), clean(p.Project), clean(p.Error.Type), clean(p.Error.Message))
		case !p.Known:
			a.say("the pipelines of %s are being read; try again in a few seconds", clean(p.Project))
		}
	}
	if len(list.Items) == 0 {
		if len(list.Projects) == 0 {
			a.say("no pipelines; kedrod projects lists what is served")
		}
		return
	}
	several := false
	for _, p := range list.Items {
		several = several || p.Project != list.Items[0].Project
	}
	t := table{head: []string{"PIPELINE", "NODES", "INPUTS", "OUTPUTS"}}
	if several {
		t.head = append([]string{"PROJECT"}, t.head...)
	}
	for _, p := range list.Items {
		cells := []cell{plain(p.Name), plain(commas(p.Nodes)), plain(strings.Join(datasets(p.Inputs), ", ")), plain(strings.Join(p.Outputs, ", "))}
		if several {
			cells = append([]cell{plain(p.Project)}, cells...)
		}
		t.row(cells...)
	}
	t.print(a.Streams.Out, a.out)
}

// datasets leaves parameters out of a list of inputs.
func datasets(names []string) []string {
	var rest []string
	for _, name := range names {
		if name != "parameters" && !strings.HasPrefix(name, "params:") {
			rest = append(rest, name)
		}
	}
	return rest
}

func (a *app) showPipeline(p *client.Pipeline) {
	out := a.Streams.Out
	var f facts
	f.add("pipeline", clean(p.Name))
	f.add("project", clean(p.Project))
	f.add("read", a.moment(p.LoadedAt))
	if p.Error != nil {
		f.add("error", a.out.red(clean(p.Error.Type+": "+p.Error.Message)))
	}
	f.print(out, a.out)
	if len(p.NodeList) > 0 {
		_, _ = fmt.Fprintln(out)
		t := table{head: []string{"NODE", "INPUTS", "OUTPUTS"}}
		for _, n := range p.NodeList {
			t.row(plain(n.Name), plain(strings.Join(n.Inputs, ", ")), plain(strings.Join(n.Outputs, ", ")))
		}
		t.print(out, a.out)
	}
	if len(p.Parameters) > 0 {
		_, _ = fmt.Fprintln(out)
		t := table{head: []string{"PARAMETER", "DEFAULT"}}
		for _, q := range p.Parameters {
			t.row(plain(q.Name), plain(string(q.Default)))
		}
		t.print(out, a.out)
	}
	_, _ = fmt.Fprintf(out, "\nrun it: kedrod submit %s\n", quote(p.Name))
}

// completePipelines completes names of pipelines from the service, if it answers soon.
func (a *app) completePipelines(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	var names []string
	if c, err := a.client(); err == nil {
		if list, err := c.Pipelines(ctx, ""); err == nil {
			for _, p := range list.Items {
				names = append(names, p.Name)
			}
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
