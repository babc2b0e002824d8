package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/kedrod/kedrod/client"
)

// shortest is how many characters of an id are enough.
const shortest = 6

// resolve gives the whole id for any unique beginning or end of one.
func (a *app) resolve(ctx context.Context, c *client.Client, written string) (string, error) {
	if len(written) == 36 && strings.Count(written, "-") == 4 {
		return written, nil
	}
	if len(written) < shortest {
		if job, err := c.Job(ctx, written, 0); written != "" && (err == nil || exitCode(err) == exitNoServer) {
			if err != nil {
				return "", err
			}
			return job.ID, nil
		}
		return "", usagef("%s is too short for an id: give %d or more characters of its beginning or end", quote(written), shortest)
	}
	page, err := jobs(ctx, c, client.ListFilter{ID: written, Limit: 10})
	if err != nil {
		return "", err
	}
	for _, job := range page.Items {
		if job.ID == written {
			return written, nil
		}
	}
	switch len(page.Items) {
	case 0:
		return "", fmt.Errorf("%w: kedrod ps lists the newest", &client.Error{StatusCode: 404, Problem: client.Problem{Status: 404,
			Code: "not_found", Detail: "no job has an id that begins or ends with " + quote(written)}})
	case 1:
		return page.Items[0].ID, nil
	}
	var b strings.Builder
	for _, job := range page.Items {
		fmt.Fprintf(&b, "\n  %s  %s, %s, %s", job.ID, job.Status, clean(job.PipelineName), ago(job.CreatedAt.Time, a.Now()))
	}
	if page.NextCursor != nil {
		b.WriteString("\n  …")
	}
	return "", usagef("%s fits several jobs; give more of its id:%s", quote(written), b.String())
}
