package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/config"
)

func (a *app) keys() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Create, list and revoke API keys",
		Long: `Create, list and revoke API keys.

From the first key on every call of the API needs one, and it stays so when the last
one is revoked. These verbs work over the API (--url, or a key that is set or stored),
which takes an admin's key; or on the store itself (--data-dir, or the data folder that
serve would use from here), which takes the right to write its files, or on the database
(--database-url). A server that runs on it notices within a second.`,
		Args: args(0, 0, "create, list or revoke"),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.keysCreate(), a.keysList(), a.keysRevoke())
	return cmd
}

func (a *app) keysCreate() *cobra.Command {
	var n client.NewKey
	var expires string
	cmd := &cobra.Command{
		Use:   "create --name NAME --role viewer|runner|admin",
		Short: "Create a key, and print it this once",
		Example: "  kedrod keys create --name admin --role admin\n" +
			"  kedrod keys create --name nightly --role runner --project sales --expires 90d",
		Args: args(0, 0, "no arguments"),
	}
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		if n.Name == "" || !slices.Contains([]string{"viewer", "runner", "admin"}, n.Role) {
			return usagef("keys create takes --name NAME and --role viewer, runner or admin")
		}
		if cmd.Flags().Changed("project") && slices.Contains(n.Projects, "") {
			return usagef("--project must name a project")
		}
		var err error
		if n.ExpiresAt, err = a.ahead("--expires", expires); err != nil {
			return err
		}
		return a.administer(true, func(ctx context.Context, c *client.Client, local string, _ []string) error {
			k, err := c.CreateKey(ctx, n)
			if err != nil {
				return err
			}
			where := c.URL()
			if local != "" {
				where = local
			}
			a.say("key %s (%s) created in %s: it is shown this once", clean(k.Name), k.Role, where)
			if a.json() {
				return printJSON(a.Streams.Out, k)
			}
			_, err = fmt.Fprintln(a.Streams.Out, k.Secret)
			return err
		})(cmd, given)
	}
	flags := cmd.Flags()
	flags.StringVar(&n.Name, "name", "", "tells in jobs and in the audit who called")
	flags.StringVar(&n.Role, "role", "", "viewer reads; runner also submits and cancels; admin does all")
	flags.StringArrayVar(&n.Projects, "project", nil, "what it sees and touches; may be given several times (default: all)")
	flags.StringVar(&expires, "expires", "", "when it ends: 90d, 2027-12-31, 2027-12-31T12:00:00Z (default: never)")
	config.AddStoreFlags(flags)
	return cmd
}

// ahead reads a time, or how far ahead it is.
func (a *app) ahead(flag, written string) (*client.Time, error) {
	if d, err := config.ParseDuration(written); err == nil {
		return &client.Time{Time: a.Now().Add(d)}, nil
	}
	t, err := a.point(flag, written)
	if err != nil {
		return nil, usagef("%s must be a time, such as 2027-12-31 or 2027-12-31T06:00:00Z, or how far ahead, such as 90d", flag)
	}
	return t, nil
}

func (a *app) keysList() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the keys in force",
		Args:  args(0, 0, "no arguments"),
		RunE: a.administer(false, func(ctx context.Context, c *client.Client, _ string, _ []string) error {
			keys, err := c.Keys(ctx)
			if err != nil {
				return err
			}
			if !all {
				keys = slices.DeleteFunc(keys, func(k client.Key) bool { return a.ended(&k) != "" })
			}
			if a.json() {
				return printJSON(a.Streams.Out, map[string]any{"items": keys, "next_cursor": nil})
			}
			if len(keys) == 0 {
				a.say("no key is in force; kedrod keys create makes one")
				return nil
			}
			a.printKeys(keys)
			return nil
		}),
	}
	cmd.Flags().BoolVar(&all, "all", false, "those that were revoked or have expired, too")
	config.AddStoreFlags(cmd.Flags())
	return cmd
}

func (a *app) printKeys(keys []client.Key) {
	t := table{head: []string{"NAME", "ROLE", "KEY", "CREATED", "ENDS", "PROJECTS"}}
	for i := range keys {
		k := &keys[i]
		ends := a.ended(k)
		if ends == "" && k.ExpiresAt != nil {
			ends = ago(k.ExpiresAt.Time, a.Now())
		}
		t.row(plain(k.Name), plain(k.Role), plain("kdr_"+k.Prefix), plain(ago(k.CreatedAt.Time, a.Now())), plain(or(ends, "never")),
			plain(or(strings.Join(k.Projects, ", "), "all")))
	}
	t.print(a.Streams.Out, a.out)
}

// ended says how a key has ended, "" while it is in force.
func (a *app) ended(k *client.Key) string {
	switch {
	case k.RevokedAt != nil:
		return "revoked " + ago(k.RevokedAt.Time, a.Now())
	case k.ExpiresAt != nil && !a.Now().Before(k.ExpiresAt.Time):
		return "expired " + ago(k.ExpiresAt.Time, a.Now())
	}
	return ""
}

func (a *app) keysRevoke() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "revoke NAME…",
		Short:   "Revoke keys by name, prefix or id",
		Example: "  kedrod keys revoke nightly",
		Args:    args(1, -1, "names of keys"),
		RunE: a.administer(false, func(ctx context.Context, c *client.Client, _ string, given []string) error {
			keys, err := c.Keys(ctx)
			if err != nil {
				return err
			}
			var found []client.Key
			for _, written := range given {
				k, err := a.findKey(keys, written)
				if err != nil {
					return err
				}
				found = append(found, *k)
			}
			revoked := make([]client.Key, 0, len(found))
			for _, k := range found {
				gone, err := c.RevokeKey(ctx, k.ID)
				if err != nil {
					return err
				}
				revoked = append(revoked, *gone)
				if !a.json() {
					a.say("key %s is revoked", clean(k.Name))
				}
			}
			if a.json() {
				return printJSON(a.Streams.Out, map[string]any{"items": revoked, "next_cursor": nil})
			}
			return nil
		}),
	}
	config.AddStoreFlags(cmd.Flags())
	return cmd
}

// findKey finds what a person calls a key: the name of one in force, else a prefix or
// an id.
func (a *app) findKey(keys []client.Key, written string) (*client.Key, error) {
	bare := strings.TrimPrefix(written, "kdr_")
	for i := range keys {
		if keys[i].Name == written && keys[i].RevokedAt == nil {
			return &keys[i], nil
		}
	}
	for i := range keys {
		if keys[i].Prefix == bare || keys[i].ID == written {
			return &keys[i], nil
		}
	}
	if len(bare) > 20 { // a whole key must not come back on a screen or in a log
		written = "this"
	}
	return nil, &client.Error{StatusCode: 404, Problem: client.Problem{Status: 404, Code: "not_found",
		Detail: "no key in force has the name " + quote(written) + ", nor any the prefix or id; kedrod keys list --all shows them"}}
}

// stamp is a moment in a table.
func stamp(t client.Time, zone *time.Location) string {
	return t.In(zone).Format("2006-01-02 15:04:05")
}
