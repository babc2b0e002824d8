package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/kedro"
	"github.com/kedrod/kedrod/internal/store"
)

// pumpInterval is how often a run's events are read and passed on; clients see them
// at most 200 ms after the run wrote them. Each time the job's row is written again,
// so a job with large parameters is written less often.
const (
	pumpInterval    = 75 * time.Millisecond
	largePump       = time.Second
	largeParameters = 64 << 10
)

// pump carries a run's events to the store: nodes, progress, the moment it started.
// While the run goes on it belongs to loop's goroutine, which may wait for a slow
// disk or store; after that to the attempt's.
type pump struct {
	a      *attempt
	reader *kedro.EventReader
	log    *logReader
	state  kedro.State

	sent     map[string]kedro.NodeStatus // as the store has them
	progress job.Progress
	next     store.Advance // not sent yet
	dirty    bool

	told     map[string]bool // paths that the run writes, and whether it has
	manyMore bool            // of them are not told

	unreadable bool // said once
}

func newPump(a *attempt) *pump {
	return &pump{
		a: a, reader: kedro.NewEventReader(a.dir.Events(), 0), log: newLogReader(a.dir.Log()),
		sent: map[string]kedro.NodeStatus{}, told: map[string]bool{},
	}
}

// writes notes what the run writes or is expected to, unless that is told already.
func (p *pump) writes(found []job.Write) {
	for _, w := range found {
		saved, known := p.told[w.Path]
		switch {
		case known && (saved || !w.Saved):
			continue
		case !known && len(p.told) == job.MaxWrites:
			p.manyMore = true
			continue
		}
		p.told[w.Path] = w.Saved
		p.next.Writes = append(p.next.Writes, w)
		p.dirty = true
	}
}

// started notes the process's start. It is sent with the first progress, so that a
// short run costs no write of its own.
func (p *pump) started(at time.Time) {
	p.next.StartedAt, p.next.Start = ptr(job.Truncate(at)), "cold"
	p.dirty = true
}

// drain reads what the run wrote since, a bounded part of it; more reports whether
// there is more.
func (p *pump) drain() (more bool) {
	more, err := p.reader.Read(func(e kedro.Event) { p.state.Apply(e) })
	if err != nil && !p.unreadable {
		p.unreadable = true
		p.a.log.Warn("the run's events can't be read; its progress is not known", "error", err)
	}
	if !p.state.Hooked {
		more = p.log.read(&p.state) || more
	}
	p.changes()
	return more
}

// drainAll reads what is left once the run is over: all of it, but no longer than
// lastDrain where a run has written without end.
func (p *pump) drainAll() {
	for deadline := time.Now().Add(lastDrain); p.drain(); {
		if time.Now().After(deadline) {
			p.a.log.Warn("the run wrote more events or log lines than can be read; the last of its progress is left out")
			return
		}
	}
}

// lastDrain is enough for about a gigabyte.
const lastDrain = 5 * time.Second

// changes turns what changed in the state into nodes and events to send.
func (p *pump) changes() {
	if project := p.a.w.projects[p.a.j.Project]; project != nil {
		p.writes(p.state.TakeWrites(project.Path))
	}
	changed := false
	for i, n := range p.state.Nodes {
		if was, ok := p.sent[n.Name]; ok && was == n.Status {
			continue
		}
		first := p.sent[n.Name] == ""
		p.sent[n.Name] = n.Status
		changed = true
		p.next.Nodes = append(p.next.Nodes, store.NodeAt{Position: i, Node: wireNode(n)})
		if !first || n.Status != kedro.NodePending { // that a node is pending is no event
			p.event(job.EventNode, n.Wire())
		}
	}
	now := p.state.Progress()
	if !changed && now.Done == p.progress.Done && now.Total == p.progress.Total {
		return
	}
	if now.Total == 0 && now.Done == 0 && len(now.Running) == 0 {
		return
	}
	p.progress = job.Progress{Done: now.Done, Total: now.Total, Running: now.Running}
	sent := p.progress
	p.next.Progress = &sent
	p.event(job.EventProgress, sent)
}

func (p *pump) event(kind job.EventType, data any) {
	b, err := json.Marshal(data)
	if err != nil {
		p.a.log.Warn("an event of the run can't be written", "error", err)
		return
	}
	p.next.Events = append(p.next.Events, job.Event{
		JobID: p.a.ref.JobID, Attempt: p.a.ref.Attempt, Type: kind, At: job.Truncate(time.Now()), Data: b,
	})
	p.dirty = true
}

// loop flushes until quit is closed or ctx ends.
func (p *pump) loop(ctx context.Context, quit <-chan struct{}) {
	interval := pumpInterval
	if len(p.a.j.Parameters) > largeParameters {
		interval = largePump
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-quit:
			return
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := p.flush(ctx); errors.Is(err, job.ErrFenced) {
			p.a.end(endFenced)
			return
		}
	}
}

// flush reads and sends. What can't be sent is kept for the next time; only
// job.ErrFenced matters to the caller.
func (p *pump) flush(ctx context.Context) error {
	p.drain()
	if !p.dirty {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	if err := p.a.w.o.Store.Advance(bounded, p.a.ref, p.next); err != nil {
		return err
	}
	p.next, p.dirty = store.Advance{}, false
	return nil
}

// finish closes the nodes and puts results and progress into the outcome.
func (p *pump) finish(o *job.Outcome, code kedro.Code) {
	how := kedro.EndFailed
	switch {
	case o.Status == job.Completed && (p.state.Ended || !p.state.Hooked):
		how = kedro.EndCompleted
	case o.Status == job.Completed, o.Status == job.Cancelled:
		how = kedro.EndCancelled // a node that ended the process itself did not complete
	}
	p.state.Close(how, o.EndedAt)
	p.changes()
	if p.manyMore {
		o.Warnings = append(o.Warnings, fmt.Sprintf("It writes more than %d files: only the first were compared with those of other runs.", job.MaxWrites))
	}
	if len(p.state.Nodes) > 0 || p.progress.Total > 0 {
		progress := p.progress
		progress.Running = []string{}
		o.Progress = &progress
	}
	results, err := p.state.Results(&code)
	if err != nil {
		p.a.log.Warn("the run's results can't be written", "error", err)
		return
	}
	o.Results = results
}

// rest is what finish found and flush has not sent.
func (p *pump) rest() store.Advance { return p.next }

func wireNode(n kedro.Node) job.Node {
	out := job.Node{Name: n.Name, Status: string(n.Status)}
	if !n.StartedAt.IsZero() {
		out.StartedAt = ptr(job.Truncate(n.StartedAt))
	}
	if !n.CompletedAt.IsZero() {
		out.CompletedAt = ptr(job.Truncate(n.CompletedAt))
		out.Seconds = ptr(round(n.Seconds()))
	}
	return out
}
