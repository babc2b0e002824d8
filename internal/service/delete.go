package service

import (
	"context"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/store"
)

// Delete removes a job that ended with all that is kept of it: attempts, nodes, events
// and run folders. A Conflict when it has not ended.
func (s *Service) Delete(ctx context.Context, c Caller, id string) error {
	if err := c.need(Admin); err != nil {
		return err
	}
	v, err := s.Job(ctx, c, id)
	if err != nil {
		return err
	}
	if !v.Status.Terminal() {
		return notEnded(&v.Job, "only a job that has ended can be deleted")
	}
	// Folders first: after a crash between, the job is still there to be deleted again.
	for n := 1; n <= v.Job.Attempt; n++ {
		if err := s.o.Runs.Attempt(id, n).Remove(); err != nil {
			return fault.Wrap(err, fault.Unavailable, "the files of the job's runs can't be removed: look at the data folder's permissions and disk, then delete it again")
		}
	}
	n, err := s.o.Store.DeleteEnded(ctx, []string{id})
	if err != nil {
		return err
	}
	if n == 0 {
		return store.NoSuchJob(id) // somebody else was faster
	}
	s.o.Log.Info("job deleted", "job", id)
	return nil
}
