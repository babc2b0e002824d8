package cli

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// Moved counts what was moved to another store, see Backend.Migrate.
type Moved struct {
	Rows    map[string]int64
	Altered int64
	Runs    string
}

func (a *app) migrate() *cobra.Command {
	var from, to string
	cmd := &cobra.Command{
		Use:   "migrate --from jobs.db --to postgres://…",
		Short: "Move a whole history from SQLite to PostgreSQL",
		Long: `Move all that a stopped service's jobs.db holds into an empty PostgreSQL database: jobs with their
attempts, nodes, events and labels, keys, the audit, deliveries and workers.

It is one transaction: all of it is there in the end, counted on both sides, or nothing, and
then it can be begun anew. jobs.db stays as it is. Run folders and logs stay where they are.`,
		Example: "  kedrod migrate --from /var/lib/kedrod/jobs.db --to postgres://kedrod@db/kedrod\n" +
			"  KEDROD_DATABASE_URL_FILE=/run/secrets/db kedrod migrate --from /var/lib/kedrod",
		Args: args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			url, err := a.database(to)
			if err != nil {
				return err
			}
			if from == "" {
				return usagef("kedrod migrate takes --from FILE, the jobs.db to move")
			}
			if a.Backend.Migrate == nil {
				return errNotHere
			}
			begun := a.Now()
			done, err := a.Backend.Migrate(cmd.Context(), a.path(from), url, a.drawTable)
			a.wipe()
			if err != nil {
				return err
			}
			if a.json() {
				return printJSON(a.Streams.Out, map[string]any{"rows": done.Rows, "altered": done.Altered, "runs": done.Runs})
			}
			a.sayMoved(done, a.Now().Sub(begun))
			return nil
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "the jobs.db of the stopped service, or its folder")
	cmd.Flags().StringVar(&to, "to", "", "the empty database; others see it in the list of processes, which $KEDROD_DATABASE_URL or $KEDROD_DATABASE_URL_FILE avoids")
	return cmd
}

// database is the URL of a PostgreSQL database: the flag's, or the environment's.
func (a *app) database(flag string) (string, error) {
	url, file := a.environ["KEDROD_DATABASE_URL"], a.environ["KEDROD_DATABASE_URL_FILE"]
	switch {
	case flag != "":
		return flag, nil
	case url != "" && file != "":
		return "", usagef("KEDROD_DATABASE_URL and KEDROD_DATABASE_URL_FILE are both set: give one")
	case file != "":
		text, err := os.ReadFile(a.path(file))
		if err != nil {
			return "", fmt.Errorf("KEDROD_DATABASE_URL_FILE: %w", err)
		}
		url = strings.TrimSpace(string(text))
	}
	if url == "" {
		return "", usagef("kedrod migrate takes --to postgres://…, or KEDROD_DATABASE_URL: the empty database to move to")
	}
	return url, nil
}

// drawTable shows on a terminal how far a table is.
func (a *app) drawTable(table string, done, of int64) {
	if a.err.tty {
		a.draw(fmt.Sprintf("%s %d/%d", table, done, of))
	}
}

func (a *app) sayMoved(done Moved, passed time.Duration) {
	n := func(table, one string) string { return count(int(done.Rows[table]), one) }
	a.say("%s moved in %s, with %s, %s, %s, %s, %s and %s of the audit; counted alike on both sides", n("jobs", "job"), took(passed),
		n("attempts", "attempt"), n("nodes", "node"), n("events", "event"), n("deliveries", "callback"), n("keys", "key"), count(int(done.Rows["audit"]), "line"))
	if done.Altered > 0 {
		a.say("%s held characters that PostgreSQL can't: U+FFFD stands in their place", count(int(done.Altered), "text"))
	}
	a.say("logs and run folders stay in %s: who serves with this data folder shows them", done.Runs)
}
