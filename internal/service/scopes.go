package service

import (
	"fmt"
	"strings"

	"github.com/kedrod/kedrod/internal/job"
)

// scopeOf judges where a job may run, and beside how many others.
func scopeOf(sub *Submission, q *job.Queue, f *faults) {
	labelsOf("requires", sub.Requires, f)
	q.Requires = orNil(sub.Requires)
	if sub.ConcurrencyKey == nil {
		if sub.ConcurrencyLimit != nil {
			f.add("concurrency_limit", "is of a concurrency_key: give one, or leave both out")
		}
		return
	}
	q.ConcurrencyKey, q.ConcurrencyLimit = *sub.ConcurrencyKey, job.DefaultConcurrencyLimit
	if n := len(q.ConcurrencyKey); n == 0 || n > job.MaxConcurrencyKey || strings.ContainsRune(q.ConcurrencyKey, 0) {
		f.add("concurrency_key", fmt.Sprintf("1 to %d bytes, without NUL", job.MaxConcurrencyKey))
	}
	if sub.ConcurrencyLimit != nil {
		if q.ConcurrencyLimit = *sub.ConcurrencyLimit; q.ConcurrencyLimit < 1 || q.ConcurrencyLimit > job.MaxConcurrencyLimit {
			f.add("concurrency_limit", fmt.Sprintf("between 1 and %d", job.MaxConcurrencyLimit))
		}
	}
}
