package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// Recover settles what all earlier workers on this store left behind. The caller has
// made sure that they and all their runs are gone: on SQLite it holds the data
// folder's lock, and has killed what carried their markers. Call it before Run.
func (w *Worker) Recover(ctx context.Context) error {
	held, err := w.o.Store.Held(ctx)
	if err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	// What was handed over Run reports, with all that goes with it.
	held = slices.DeleteFunc(held, func(j job.Job) bool { return j.Worker == w.o.Self.ID })
	workers, err := w.o.Store.Workers(ctx, time.Now())
	if err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	var gone []string
	for _, other := range workers {
		if other.State == store.WorkerReady || other.State == store.WorkerDraining || len(other.Running) > 0 {
			gone = append(gone, other.ID)
		}
	}
	for i := range held {
		gone = append(gone, held[i].Worker)
	}
	slices.Sort(gone)
	return w.recover(ctx, held, slices.Compact(gone))
}

// RecoverFrom settles what one earlier worker left behind, and touches no other's: the
// caller has that worker's lock and has made sure that nothing of it lives.
func (w *Worker) RecoverFrom(ctx context.Context, dead string) error {
	held, err := w.o.Store.Held(ctx)
	if err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	return w.recover(ctx, heldBy(held, dead), []string{dead})
}

// ReportLeft reports the outcomes that a dead worker left in run folders here, and lets
// its other jobs be: its lease decides about them. over tells that the store counts it
// as ended already.
func (w *Worker) ReportLeft(ctx context.Context, dead string) (over bool, err error) {
	held, err := w.o.Store.Held(ctx)
	if err != nil {
		return false, fmt.Errorf("recover: %w", err)
	}
	if err := w.reportAll(ctx, heldBy(held, dead)); err != nil {
		return false, err
	}
	workers, err := w.o.Store.Workers(ctx, time.Now())
	if err != nil {
		return false, fmt.Errorf("recover: %w", err)
	}
	return !slices.ContainsFunc(workers, func(other store.Worker) bool { return other.ID == dead }), nil
}

// ReturnForgotten gives back what this worker holds and was not handed, where it goes on
// for an earlier one of its id: claims whose answers were lost.
func (w *Worker) ReturnForgotten(ctx context.Context) error {
	held, err := w.o.Store.Held(ctx)
	if err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	for _, j := range heldBy(held, w.o.Self.ID) {
		ref := job.Ref{JobID: j.ID, Attempt: j.Attempt, Worker: j.Worker}
		if w.adopts(ref) {
			continue
		}
		if _, err := w.o.Store.GiveBack(ctx, ref); err != nil && !errors.Is(err, job.ErrFenced) {
			return fmt.Errorf("recover job %s: %w", ref.JobID, err)
		}
		w.o.Log.Warn("a job that this worker held and never heard of goes back to the queue", "job", ref.JobID, "attempt", ref.Attempt)
	}
	return nil
}

func heldBy(held []job.Job, worker string) []job.Job {
	return slices.DeleteFunc(held, func(j job.Job) bool { return j.Worker != worker })
}

// recover reports the outcomes that stand in run folders; the other jobs of those that
// are gone are recoveries.
func (w *Worker) recover(ctx context.Context, held []job.Job, gone []string) error {
	if err := w.reportAll(ctx, held); err != nil {
		return err
	}
	for _, id := range gone {
		if id == w.o.Self.ID {
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

func (w *Worker) reportAll(ctx context.Context, held []job.Job) error {
	for i := range held {
		if err := w.reportLeft(ctx, &held[i]); err != nil {
			return fmt.Errorf("recover job %s: %w", held[i].ID, err)
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
