package cli

import (
	"github.com/spf13/cobra"
)

func (a *app) projects() *cobra.Command {
	return &cobra.Command{
		Use:   "projects",
		Short: "List the projects that are served",
		Args:  args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			projects, err := c.Projects(cmd.Context())
			if err != nil {
				return err
			}
			if a.json() {
				return printJSON(a.Streams.Out, map[string]any{"items": projects, "next_cursor": nil})
			}
			t := table{head: []string{"PROJECT", "KEDRO", "PYTHON", "PIPELINES", "PATH"}}
			for _, p := range projects {
				t.row(plain(p.Name), plain(text(p.KedroVersion)), plain(text(p.PythonVersion)), plain(commas(p.Pipelines)), plain(p.Path))
			}
			t.print(a.Streams.Out, a.out)
			for _, p := range projects {
				if p.Error != nil {
					a.say("%s %s: %s: %s", a.err.red("error:"), clean(p.Name), clean(p.Error.Type), clean(p.Error.Message))
				}
				for _, f := range p.Findings {
					if f.Level != "ok" {
						a.say("%s %s: %s %s", a.err.status(f.Level), clean(p.Name), clean(f.Message), clean(f.Advice))
					}
				}
			}
			return nil
		},
	}
}
