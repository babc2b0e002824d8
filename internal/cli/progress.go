package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/kedrod/kedrod/client"
)

// watch shows a job's progress on standard error until it ends or the context does: on
// a terminal one line that is drawn over in place and taken away at the end, elsewhere
// a plain line for each node. It is only a view: what it can't learn it leaves out.
func (a *app) watch(ctx context.Context, c *client.Client, job *client.Job) {
	ctx, cancel := context.WithCancel(ctx)
	events := make(chan client.Event)
	go func() {
		defer close(events)
		for ev, err := range c.Events(ctx, job.ID, "") {
			if err != nil {
				return
			}
			select {
			case events <- ev:
			case <-ctx.Done():
				return
			}
		}
	}()
	defer func() {
		cancel()
		for range events { // until the goroutine is gone
		}
	}()

	p := progress{begun: a.Now(), status: job.Status}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		if a.err.tty {
			a.draw(p.line(a.Now()))
		}
		select {
		case ev, ok := <-events:
			if !ok {
				a.wipe()
				return
			}
			if said := p.take(ev); said != "" && !a.err.tty {
				a.say("%s", said)
			}
		case <-tick.C:
		}
	}
}

// draw writes a line over the last one, cut so that it never wraps.
func (a *app) draw(line string) {
	_, _ = fmt.Fprintf(a.Streams.Err, "\r\x1b[K%s", cut(line, max(a.err.width-1, 1)))
}

func (a *app) wipe() {
	if a.err.tty {
		_, _ = fmt.Fprint(a.Streams.Err, "\r\x1b[K")
	}
}

// progress is what a job's events have told so far.
type progress struct {
	begun       time.Time
	status      string
	done, total int
	running     []string
}

// take reads an event and gives a line for those who can't see one redrawn, or "".
func (p *progress) take(ev client.Event) string {
	switch ev.Type {
	case "status", "end":
		var d struct {
			Status  string `json:"status"`
			Attempt int    `json:"attempt"`
		}
		if json.Unmarshal(ev.Data, &d) != nil || d.Status == "" || d.Status == p.status {
			return ""
		}
		p.status = d.Status
		if ended := (client.Job{Status: d.Status}); ended.Ended() {
			return "" // told with its reason, from the job itself
		}
		if d.Status == "running" && d.Attempt > 1 {
			return fmt.Sprintf("running, attempt %d", d.Attempt)
		}
		return clean(d.Status)
	case "progress":
		var d client.Progress
		if json.Unmarshal(ev.Data, &d) == nil {
			p.done, p.total, p.running = d.Done, d.Total, d.Running
		}
	case "node":
		var d client.Node
		if json.Unmarshal(ev.Data, &d) != nil {
			return ""
		}
		switch {
		case d.Status == "pending" || d.Status == "running":
			return ""
		case d.Seconds != nil:
			return fmt.Sprintf("%s %s in %s", clean(d.Name), clean(d.Status), seconds(*d.Seconds))
		}
		return clean(d.Name + " " + d.Status)
	}
	return ""
}

// line is the state in one line.
func (p *progress) line(now time.Time) string {
	parts := []string{clean(p.status)}
	if p.total > 0 {
		parts = append(parts, fmt.Sprintf("%d/%d", p.done, p.total))
	}
	if len(p.running) > 0 {
		parts = append(parts, clean(strings.Join(p.running, ", ")))
	}
	return strings.Join(append(parts, took(now.Sub(p.begun))), "  ")
}
