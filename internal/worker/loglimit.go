package worker

import "github.com/kedrod/kedrod/internal/joblog"

// boundLog keeps the run's log within the worker's limit, until lift is called.
func (a *attempt) boundLog() (lift func()) {
	if a.w.o.LogSize == 0 {
		return func() {}
	}
	lift, err := a.w.o.Watcher.Bound(a.dir.Log(), joblog.Limit{Bytes: a.w.o.LogSize})
	if err != nil {
		a.log.Warn("the log's size can't be watched", "error", err)
		return func() {}
	}
	return lift
}
