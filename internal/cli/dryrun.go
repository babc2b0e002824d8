package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/kedrod/kedrod/client"
)

// dryRun says what would become of a submission.
func (a *app) dryRun(ctx context.Context, s client.Submission) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	v, err := c.Validate(ctx, s)
	if err != nil {
		return err
	}
	if a.json() {
		if err := printJSON(a.Streams.Out, v); err != nil {
			return err
		}
	}
	if !v.Valid {
		a.say("it would be refused:")
		for _, e := range v.Errors {
			if e.Field == "" {
				a.say("  %s", clean(e.Message))
			} else {
				a.say("  %s: %s", clean(e.Field), clean(e.Message))
			}
		}
		return ending(exitRefused)
	}
	if a.json() {
		return nil
	}
	what := "it would run"
	if v.Nodes != nil {
		what += " " + count(len(v.Nodes), "node")
	}
	if v.Project != nil {
		what += " of the project " + clean(*v.Project)
	}
	if v.TimeoutSeconds != nil {
		what += ", for at most " + took(time.Duration(*v.TimeoutSeconds*float64(time.Second)))
	}
	a.say("%s", what)
	if v.WouldWaitFor != nil {
		a.say("%s", clean(*v.WouldWaitFor))
	}
	for _, n := range v.Nodes {
		if _, err := fmt.Fprintln(a.Streams.Out, clean(n)); err != nil {
			return err
		}
	}
	return nil
}
