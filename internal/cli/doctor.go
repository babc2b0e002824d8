package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kedrod/kedrod/internal/config"
)

func (a *app) doctor() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check what serve would find, and say what to do",
		Long:  "Check the settings, the projects and their interpreters as kedrod serve would find them. Takes serve's flags.\nExits 1 only for what stops work.",
		Args:  args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.load(cmd)
			if err != nil {
				return err
			}
			if a.Backend.Doctor == nil {
				return errors.New("kedrod doctor is not available on this system: it runs on Linux and macOS")
			}
			findings, err := a.Backend.Doctor(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			stops := 0
			for _, f := range findings {
				if f.Level == "error" {
					stops++
				}
			}
			if a.json() {
				if err := printJSON(a.Streams.Out, map[string]any{"items": findings, "next_cursor": nil}); err != nil {
					return err
				}
			} else {
				for _, f := range findings {
					_, _ = fmt.Fprintf(a.Streams.Out, "%s  %s: %s\n", a.out.status(f.Level), clean(f.Check), f.Message)
					if f.Advice != "" {
						_, _ = fmt.Fprintf(a.Streams.Out, "    %s\n", f.Advice)
					}
				}
			}
			if stops > 0 {
				a.say("%s in the way of work: mend what stands above, then run kedrod doctor again", count(stops, "thing"))
				return ending(exitFailed)
			}
			return nil
		},
	}
	config.AddFlags(cmd.Flags())
	return cmd
}
