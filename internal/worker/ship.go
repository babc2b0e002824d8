package worker

import (
	"context"
	"time"

	"github.com/kedrod/kedrod/internal/job"
)

// Shipper hands the logs of runs to where every process can read them;
// *logship.Shipper is one.
type Shipper interface {
	// Begin takes up the log of a run that is about to start.
	Begin(ref job.Ref, log, events string) error
	// Finish hands over the rest of the log of a run that is over, of which it may be told
	// although it was never begun. After an error it goes on by itself.
	Finish(ctx context.Context, ref job.Ref) error
}

// finishTime is how long the report of a run waits for its log to be handed over.
const finishTime = 5 * time.Second

// beginLog has the log handed over while the run goes on. A log that can't be is still
// this machine's.
func (a *attempt) beginLog() {
	if a.w.o.Shipper == nil {
		return
	}
	if err := a.w.o.Shipper.Begin(a.ref, a.dir.Log(), a.dir.Events()); err != nil {
		a.log.Error("the log of this run stays on this machine", "error", err)
	}
}

// finishLog sees to it that the log is whole where others read it before they hear of the
// run's end.
func (a *attempt) finishLog(ctx context.Context) {
	if a.w.o.Shipper == nil {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, finishTime)
	defer cancel()
	stop := context.AfterFunc(a.w.killed, cancel)
	defer stop()
	if err := a.w.o.Shipper.Finish(bounded, a.ref); err != nil {
		a.log.Warn("the end of the log is not yet where other processes can read it; it follows", "error", err)
	}
}
