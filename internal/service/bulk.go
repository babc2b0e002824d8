package service

import (
	"context"
	"fmt"
	"slices"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// Bounds of a call on many jobs.
const (
	MaxBulk     = 10_000  // jobs
	bulkPages   = 200     // of a list, which a filter is looked for in
	bulkAtOnce  = 100     // jobs of one transaction, so that it holds nobody up
	bulkInBytes = 4 << 20 // of parameters in one transaction
)

// Selection names many jobs: by their ids, or by what a list of them would be asked for.
type Selection struct {
	IDs    []string
	Filter *store.Filter // in place of IDs; Limit and Cursor are not looked at
	Expect *int          // how many there must be; needed with Filter
}

// CancelAll asks for the end of all jobs that are selected, as Cancel does, and gives
// their ids. A Conflict when there are not as many as expected: then nothing is done.
func (s *Service) CancelAll(ctx context.Context, c Caller, sel Selection) ([]string, error) {
	ids, err := s.selected(ctx, c, sel)
	if err != nil {
		return nil, err
	}
	for chunk := range slices.Chunk(ids, bulkAtOnce) {
		err := s.o.Store.UpdateAll(ctx, chunk, func(j *job.Job) error {
			j.RequestCancel(s.o.Now())
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	s.o.Log.Info("cancel asked for", "jobs", len(ids))
	return ids, nil
}

// RetryAll submits all jobs that are selected once more, and gives the ids of the new
// ones in the same order. Each is judged before the first is submitted; a refusal
// names the job.
func (s *Service) RetryAll(ctx context.Context, c Caller, sel Selection) ([]string, error) {
	ids, err := s.selected(ctx, c, sel)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if _, err := s.retryOf(ctx, c, id); err != nil {
			return nil, err
		}
	}
	made := make([]string, 0, len(ids))
	batch, size := make([]job.Job, 0, bulkAtOnce), 0
	for i, id := range ids {
		j, err := s.retryOf(ctx, c, id)
		if err != nil {
			return nil, err
		}
		batch, made = append(batch, j), append(made, j.ID)
		if size += len(j.Parameters); len(batch) == bulkAtOnce || size >= bulkInBytes || i == len(ids)-1 {
			if _, err := s.o.Store.SubmitAll(ctx, batch, nil); err != nil {
				return nil, err
			}
			batch, size = batch[:0], 0
		}
	}
	s.o.Log.Info("jobs retried", "jobs", len(made))
	return made, nil
}

func (s *Service) retryOf(ctx context.Context, c Caller, id string) (job.Job, error) {
	sub, err := s.Again(ctx, c, id)
	if err != nil {
		return job.Job{}, ofJob(err, id)
	}
	j, err := s.jobOf(c, &sub)
	return j, ofJob(err, id)
}

// ofJob names the job in a refusal, unless it does so itself.
func ofJob(err error, id string) error {
	if fault.Is(err, fault.NotFound) {
		return err
	}
	return fault.Within(err, "job "+id)
}

// selected gives the ids of a selection, those by a filter oldest first.
func (s *Service) selected(ctx context.Context, c Caller, sel Selection) ([]string, error) {
	if err := c.need(Run); err != nil {
		return nil, err
	}
	var f faults
	switch {
	case sel.Filter == nil && sel.IDs == nil:
		f.add("filter", "give either filter or ids")
	case sel.Filter != nil && sel.IDs != nil:
		f.add("ids", "give either filter or ids")
	case sel.Filter != nil && sel.Expect == nil:
		f.add("expect", "is needed with a filter: how many jobs it must fit")
	}
	if sel.Expect != nil && (*sel.Expect < 0 || *sel.Expect > MaxBulk) {
		f.add("expect", fmt.Sprintf("between 0 and %d", MaxBulk))
	}
	if len(sel.IDs) > MaxBulk {
		f.add("ids", fmt.Sprintf("at most %d", MaxBulk))
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	find := s.byIDs
	if sel.Filter != nil {
		find = s.byFilter
	}
	ids, more, err := find(ctx, c, sel)
	if err != nil {
		return nil, err
	}
	if sel.Expect != nil && (more || len(ids) != *sel.Expect) {
		found := fmt.Sprintf("%d", len(ids))
		if more {
			found = fmt.Sprintf("more than %d", *sel.Expect)
		}
		message := fmt.Sprintf("there are %s such jobs, not %d: nothing was done", found, *sel.Expect)
		return nil, fault.New(fault.Conflict, "expect: "+message, fault.Field{Field: "expect", Message: message})
	}
	auditCount(ctx, len(ids))
	return ids, nil
}

func (s *Service) byIDs(ctx context.Context, c Caller, sel Selection) (ids []string, more bool, err error) {
	seen := make(map[string]bool, len(sel.IDs))
	for i, id := range sel.IDs {
		if seen[id] {
			return nil, false, fault.InvalidField(fmt.Sprintf("ids[%d]", i), "stands twice")
		}
		seen[id] = true
	}
	projects, err := s.o.Store.ProjectsOf(ctx, sel.IDs)
	if err != nil {
		return nil, false, err
	}
	for _, id := range sel.IDs {
		if p, ok := projects[id]; !ok {
			return nil, false, store.NoSuchJob(id)
		} else if !c.sees(p) {
			return nil, false, hidden(id)
		}
	}
	return sel.IDs, false, nil
}

// byFilter looks no further once there are more than expected.
func (s *Service) byFilter(ctx context.Context, c Caller, sel Selection) (ids []string, more bool, err error) {
	f := *sel.Filter
	f.Limit, f.Cursor, f.Parameters, f.Results = MaxLimit, "", false, false
	for range bulkPages {
		jobs, next, err := s.Jobs(ctx, c, f)
		if err != nil {
			return nil, false, fault.Within(err, "filter")
		}
		for i := range jobs {
			if len(ids) == *sel.Expect {
				return nil, true, nil
			}
			ids = append(ids, jobs[i].ID)
		}
		if next == "" {
			slices.Reverse(ids)
			return ids, false, nil
		}
		f.Cursor = next
	}
	return nil, false, fault.InvalidField("filter", "looks through too much of the history: bound it by created_since")
}
