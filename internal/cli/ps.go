package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/config"
)

func (a *app) ps() *cobra.Command {
	var (
		filter       = client.ListFilter{Limit: 20}
		since, until string
	)
	cmd := &cobra.Command{
		Use:     "ps",
		Short:   "List jobs, newest first",
		Example: "  kedrod ps --status failed --since 24h\n  kedrod ps --pipeline train -q ValueError",
		Args:    args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if filter.CreatedSince, err = a.point("--since", since); err != nil {
				return err
			}
			if filter.CreatedUntil, err = a.point("--until", until); err != nil {
				return err
			}
			if filter.Limit < 1 || filter.Limit > 500 {
				return usagef("--limit must be from 1 to 500")
			}
			for i, label := range filter.Label {
				filter.Label[i] = strings.Replace(label, "=", ":", 1)
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			page, err := jobs(cmd.Context(), c, filter)
			if err != nil {
				return err
			}
			if a.json() {
				return printJSON(a.Streams.Out, page)
			}
			a.printJobs(page, cmd.Flags().NFlag() > 0)
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&filter.Status, "status", nil, "pending, running, completed, failed or cancelled; several as A,B")
	flags.StringSliceVar(&filter.Pipeline, "pipeline", nil, "of these pipelines")
	flags.StringSliceVar(&filter.Project, "project", nil, "of these projects")
	flags.StringSliceVar(&filter.UserID, "user-id", nil, "submitted with this user id")
	flags.StringSliceVar(&filter.Label, "label", nil, "with this label, KEY=VALUE")
	flags.StringVar(&since, "since", "", "created since then: a time, or how long ago, such as 24h")
	flags.StringVar(&until, "until", "", "created before then")
	flags.StringVarP(&filter.Q, "query", "q", "", "search for words")
	flags.IntVarP(&filter.Limit, "limit", "n", 20, "how many, at most 500")
	flags.StringVar(&filter.Cursor, "cursor", "", "next_cursor of the page before")
	return cmd
}

// point reads a time, or how long ago it is.
func (a *app) point(flag, written string) (*client.Time, error) {
	if written == "" {
		return nil, nil
	}
	if d, err := config.ParseDuration(written); err == nil {
		return &client.Time{Time: a.Now().Add(-d)}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, written, a.Zone); err == nil {
			return &client.Time{Time: t}, nil
		}
	}
	return nil, usagef("%s must be a time, such as 2026-11-25 or 2026-11-25T06:00:00Z, or how long ago, such as 24h", flag)
}

func (a *app) printJobs(page client.Page[client.Job], filtered bool) {
	if len(page.Items) == 0 && filtered {
		a.say("no job fits; kedrod ps alone lists the newest")
		return
	}
	if len(page.Items) == 0 {
		a.say("no jobs; kedrod submit PIPELINE makes one")
		return
	}
	several := false
	for _, job := range page.Items {
		several = several || job.Project != page.Items[0].Project
	}
	t := table{head: []string{"ID", "STATUS", "PIPELINE", "CREATED", "TOOK", "DETAIL"}}
	for i := range page.Items {
		job := &page.Items[i]
		name := job.PipelineName
		if name == "" {
			name = strings.Join(job.PipelineNames, ",")
		}
		if several {
			name = job.Project + "/" + name
		}
		t.row(plain(short(job.ID)), cell{clean(job.Status), a.out.status}, plain(name),
			plain(ago(job.CreatedAt.Time, a.Now())), plain(a.length(job)), plain(detail(job)))
	}
	t.print(a.Streams.Out, a.out)
	if page.NextCursor != nil {
		a.say("there are more: -n shows up to 500, or narrow it by --status, --pipeline, --since")
	}
}

// length is how long a job ran, or has run.
func (a *app) length(job *client.Job) string {
	switch {
	case job.Ended() && job.ExecutionTime != nil:
		return seconds(*job.ExecutionTime)
	case job.Status == "running" && job.StartedAt != nil:
		return took(a.Now().Sub(job.StartedAt.Time))
	}
	return ""
}

// detail is the one thing worth knowing about a job beside its state.
func detail(job *client.Job) string {
	switch {
	case job.Status == "failed":
		return failure(job)
	case job.Status == "running" && job.CancelRequestedAt != nil:
		return "being cancelled"
	case job.Status == "running" && job.Progress != nil && job.Progress.Total > 0:
		return strings.TrimSpace(fmt.Sprintf("%d/%d %s", job.Progress.Done, job.Progress.Total, strings.Join(job.Progress.Running, ", ")))
	case job.Status == "pending":
		return text(job.WaitingFor)
	}
	return ""
}
