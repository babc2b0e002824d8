package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kedrod/kedrod/internal/nearest"
)

// nearestFlag adds the nearest flag to pflag's refusal of an unknown one.
func nearestFlag(cmd *cobra.Command, err error) error {
	written, ok := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !ok {
		return &usageError{fmt.Sprintf("%v. %s --help lists the flags", err, cmd.CommandPath())}
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	message := "there is no flag --" + written
	if near := nearest.Names(written, names, 1); len(near) > 0 {
		message += "; --" + near[0] + " is the nearest"
	}
	return &usageError{fmt.Sprintf("%s. %s --help lists the flags", message, cmd.CommandPath())}
}

// args gives a check of how many arguments a verb takes.
func args(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if len(given) >= least && (most < 0 || len(given) <= most) {
			return nil
		}
		return fmt.Errorf("%s takes %s, not %s. It is called as: kedrod %s", cmd.CommandPath(), what, count(len(given), "argument"), cmd.Use)
	}
}

// laterVerbs are known and refused by name.
func laterVerbs() []*cobra.Command {
	var verbs []*cobra.Command
	for _, name := range []string{"schedules", "webhooks", "import", "backup", "restore"} {
		verbs = append(verbs, &cobra.Command{
			Use: name, Hidden: true, DisableFlagParsing: true,
			RunE: func(*cobra.Command, []string) error {
				return usagef("kedrod %s is not supported in this version", name)
			},
		})
	}
	return verbs
}
