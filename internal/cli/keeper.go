package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/config"
)

// keeper gives the client for the verbs of administration, and whose store it is when
// there is no server between. A server is meant where one is named or a key for one is
// at hand; otherwise it is the data folder that serve would use from here, since the
// first key of all can't be asked for over the network.
func (a *app) keeper(cmd *cobra.Command, create bool) (c *client.Client, local string, closing func() error, err error) {
	nothing := func() error { return nil }
	named := config.NamesStore(cmd.Flags())
	if named && a.url != "" {
		return nil, "", nil, usagef("give either --url, for a server, or --data-dir or --database-url, for its store")
	}
	server, err := a.target()
	if err != nil && !named {
		return nil, "", nil, err
	}
	if !named && (server.url != "" || server.key != "") {
		c, err := a.client()
		return c, "", nothing, err
	}
	at, err := config.FindStore(cmd.Flags(), a.Environ, a.Dir)
	if err != nil {
		return nil, "", nil, err
	}
	if a.Backend.Local == nil {
		return nil, "", nil, errors.New("this system has no store of its own: name a server with --url")
	}
	c, closing, err = a.Backend.Local(cmd.Context(), at, create)
	if at.DatabaseURL != "" {
		return c, "the database", closing, err
	}
	return c, "the store in " + at.DataDir, closing, err
}

// administer runs what a verb of administration does.
func (a *app) administer(create bool, do func(ctx context.Context, c *client.Client, local string, given []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, given []string) error {
		c, local, closing, err := a.keeper(cmd, create)
		if err != nil {
			return err
		}
		return errors.Join(do(cmd.Context(), c, local, given), closing())
	}
}
