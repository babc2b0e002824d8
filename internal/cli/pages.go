package cli

import (
	"context"

	"github.com/kedrod/kedrod/client"
)

// jobs reads pages until it has filter.Limit jobs: a page whose filter no index fits
// may hold fewer of them, or none, although more follow.
func jobs(ctx context.Context, c *client.Client, filter client.ListFilter) (client.Page[client.Job], error) {
	want := filter.Limit
	all := client.Page[client.Job]{Items: []client.Job{}}
	for {
		page, err := c.Jobs(ctx, filter)
		if err != nil {
			return all, err
		}
		all.Items, all.NextCursor = append(all.Items, page.Items...), page.NextCursor
		if page.NextCursor == nil || len(all.Items) >= want {
			return all, nil
		}
		filter.Cursor, filter.Limit = *page.NextCursor, want-len(all.Items)
	}
}
