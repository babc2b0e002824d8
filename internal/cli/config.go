package cli

import (
	"github.com/spf13/cobra"

	"github.com/kedrod/kedrod/internal/config"
)

func (a *app) config() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print the settings in force and where each is from",
		Long:  "Print the settings that kedrod serve would run with, and where each is from. Takes serve's flags. Secrets are hidden.",
		Args:  args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			if a.json() {
				return printJSON(a.Streams.Out, map[string]any{"items": cfg.Values(), "next_cursor": nil})
			}
			t := table{head: []string{"SETTING", "VALUE", "FROM"}}
			for _, v := range cfg.Values() {
				t.row(plain(v.Key), plain(or(v.Value, "none")), cell{clean(v.Source), a.out.faint})
			}
			t.print(a.Streams.Out, terminal{colour: a.out.colour})
			return nil
		},
	}
	config.AddFlags(cmd.Flags())
	return cmd
}
