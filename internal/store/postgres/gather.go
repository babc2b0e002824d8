package postgres

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

const (
	gatherMost = 256 // changes that share a transaction at most
	lanes      = 4   // transactions of gathered changes at a time, at most

	// Another lane is opened when so many wait, or when the last one began so long ago: it
	// may be held up by a row that another process has.
	crowd = 32
	stuck = 20 * time.Millisecond
)

// change is one caller's change of one job. It is loaded, and its row held, before fn
// sees it; what fn queues counts only if it gives no error.
type change struct {
	ctx   context.Context // the caller's: looked at before the change begins, never within
	audit *store.Audited
	id    string
	fn    func(t *tx, before job.Job) error
	done  chan error // holds one
}

// gatherer shares transactions among changes of different jobs that are asked for at the
// same time: one flight reads them all, one writes them all. A lone change loses nothing
// by it: what waits is taken, more is never waited for.
type gatherer struct {
	mu      sync.Mutex
	waiting []*change
	lanes   int       // that are at work
	begun   time.Time // when one last began a transaction
	closed  bool
	running sync.WaitGroup
}

// change runs fn on a job in a transaction and returns after its commit. fn may be called
// more than once, each time on the job as it is then. When ctx ends first the answer is
// ctx's error, and what fn did may stand.
func (s *Store) change(ctx context.Context, id string, fn func(t *tx, before job.Job) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := &change{ctx: ctx, audit: store.AuditOf(ctx), id: id, fn: fn, done: make(chan error, 1)}
	g := &s.gather
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return errClosed()
	}
	g.waiting = append(g.waiting, c)
	if g.lanes == 0 || g.lanes < lanes && (len(g.waiting) > crowd || time.Since(g.begun) > stuck) {
		g.lanes++
		g.running.Go(func() { s.lane() })
	}
	g.mu.Unlock()
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func errClosed() error {
	return fault.New(fault.Unavailable, "the service is stopping; try again in a moment")
}

// lane takes what waits until nothing does.
func (s *Store) lane() {
	g := &s.gather
	for {
		runtime.Gosched() // whoever the same wake-up made ready joins this transaction
		g.mu.Lock()
		batch := g.take()
		g.begun = time.Now()
		if len(batch) == 0 {
			g.lanes--
			g.mu.Unlock()
			return
		}
		g.mu.Unlock()
		s.run(batch)
	}
}

// take gives the changes that come next, one of each job.
func (g *gatherer) take() []*change {
	var batch, rest []*change
	taken := map[string]bool{}
	for _, c := range g.waiting {
		if len(batch) == gatherMost || taken[c.id] {
			rest = append(rest, c)
			continue
		}
		taken[c.id] = true
		batch = append(batch, c)
	}
	g.waiting = rest
	return batch
}

// closeGather waits for what was asked for.
func (s *Store) closeGather() {
	s.gather.mu.Lock()
	s.gather.closed = true
	s.gather.mu.Unlock()
	s.gather.running.Wait()
}

// run answers each change of a batch. When the transaction fails as a whole, each is run
// by itself, so that the error of one is nobody else's.
func (s *Store) run(batch []*change) {
	errs, err := s.together(batch)
	for n := 1; err != nil && again(err) && n < tries; n++ {
		_ = pause(context.Background(), time.Duration(n)*time.Millisecond) // it has no end
		errs, err = s.together(batch)
	}
	switch {
	case err == nil:
	case len(batch) == 1 || trouble(err) != "":
		for i := range batch {
			errs[i] = callFault(batch[i].ctx, err)
		}
	default:
		for _, c := range batch {
			s.run([]*change{c})
		}
		return
	}
	for i, c := range batch {
		c.done <- errs[i]
	}
}

// together runs a batch in one transaction. It gives the errors of the changes, or one of
// the transaction, of which nothing stands then.
func (s *Store) together(batch []*change) (errs []error, err error) {
	errs = make([]error, len(batch))
	var topics []string
	caller := context.Background()
	if len(batch) == 1 {
		caller = batch[0].ctx
	}
	ctx, conn, done, err := s.acquire(caller)
	if err != nil {
		return errs, err
	}
	defer done()
	t := &tx{conn: conn.Conn()}
	ids := make([]string, len(batch))
	for i, c := range batch {
		ids[i] = c.id
	}
	found, err := t.loadAll(ctx, ids)
	if err != nil {
		t.rollback(ctx)
		return errs, err
	}
	written := 0
	for i, c := range batch {
		errs[i] = t.part(c, found)
		if errs[i] == nil {
			written++
		}
	}
	if written == 0 {
		t.rollback(ctx)
		return errs, nil
	}
	if err := t.commit(ctx); err != nil {
		t.rollback(ctx)
		return errs, err
	}
	topics = t.topics
	for i, c := range batch {
		if errs[i] == nil && c.audit != nil {
			c.audit.Written()
		}
	}
	s.publish(topics...)
	return errs, nil
}

// loadAll reads jobs and holds them until the transaction's end; those that are gone are
// left out.
func (t *tx) loadAll(ctx context.Context, ids []string) (map[string]job.Job, error) {
	jobs, err := rowsOf(ctx, t, selectJob+` WHERE id = ANY ($1) ORDER BY id FOR UPDATE`, []any{ids}, rows.ScanJob)
	if err != nil {
		return nil, err
	}
	found := make(map[string]job.Job, len(jobs))
	for i := range jobs {
		found[jobs[i].ID] = jobs[i]
	}
	return found, nil
}

// part runs one change; what it queued before an error is forgotten.
func (t *tx) part(c *change, found map[string]job.Job) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	before, ok := found[c.id]
	if !ok {
		return noSuchJob(c.id)
	}
	undo := t.mark()
	if err := c.fn(t, before); err != nil {
		undo()
		return err
	}
	if c.audit != nil {
		t.audited(c.audit)
	}
	return nil
}
