package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// Recover settles what earlier workers on this store left behind. The caller has
// made sure that they and all their runs are gone: on SQLite it holds the data
// folder's lock, and has killed what carried their markers. Outcomes that stand in
// run folders are reported, the other jobs are recoveries. Call it before Run.
func (w *Worker) Recover(ctx context.Context) error {
	held, err := w.o.Store.Held(ctx)
	if err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	for i := range held {
		if err := w.reportLeft(ctx, &held[i]); err != nil {
			return fmt.Errorf("recover job %s: %w", held[i].ID, err)
		}
	}
	workers, err := w.o.Store.Workers(ctx, time.Now())
	if err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	gone := map[string]bool{}
	for _, other := range workers {
		gone[other.ID] = other.State == store.WorkerReady || other.State == store.WorkerDraining || len(other.Running) > 0
	}
	for i := range held {
		gone[held[i].Worker] = true
	}
	for id, lost := range gone {
		if !lost || id == w.o.Self.ID {
			continue
		}
		jobs, err := w.o.Store.LoseWorker(ctx, id)
		if err != nil {
			return fmt.Errorf("recover: %w", err)
		}
		for i := range jobs {
			w.o.Log.Warn("its worker ended without a word while it ran the job", "job", jobs[i].ID, "attempt", jobs[i].Attempt,
				"lost_worker", id, "now", string(jobs[i].Status))
		}
	}
	return nil
}

// reportLeft reports the outcome in the job's run folder, if one is there.
func (w *Worker) reportLeft(ctx context.Context, j *job.Job) error {
	dir := w.o.Runs.Attempt(j.ID, j.Attempt)
	rec, ok, err := dir.ReadOutcome()
	if err != nil {
		w.o.Log.Warn("the outcome in a run's folder can't be read; the job is run again", "job", j.ID, "attempt", j.Attempt, "error", err)
		return nil
	}
	if !ok {
		return nil
	}
	if _, err := w.o.Store.Report(ctx, rec.Ref, rec.Outcome, store.Advance{}); err != nil {
		if errors.Is(err, job.ErrFenced) {
			return nil
		}
		return err
	}
	w.o.Log.Info("reported an outcome that the last process could not", "job", j.ID, "attempt", j.Attempt, "status", string(rec.Outcome.Status))
	return nil
}
