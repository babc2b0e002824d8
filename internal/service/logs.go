package service

import (
	"context"
	"errors"
	"io/fs"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/joblog"
	"github.com/kedrod/kedrod/internal/kedro"
)

// Log is the log of one attempt.
type Log struct {
	Attempt int  // 0: the job has had none
	Ended   bool // nothing is added any more
	s       *Service
	id      string
	path    string
}

// Log finds the log of an attempt; attempt 0 is the last.
func (s *Service) Log(ctx context.Context, c Caller, id string, attempt int) (*Log, error) {
	v, err := s.Job(ctx, c, id)
	if err != nil {
		return nil, err
	}
	n, err := v.attempt(attempt)
	if err != nil {
		return nil, err
	}
	l := &Log{Attempt: n, s: s, id: id, Ended: v.Status != job.Running || n < v.Job.Attempt}
	l.path = s.o.Runs.Attempt(id, n).Log()
	return l, nil
}

// Open opens the log for reading; nil where the attempt has not written one.
func (l *Log) Open() (*joblog.Log, error) {
	if l.Attempt == 0 {
		return nil, nil
	}
	f, err := joblog.Open(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return f, err
}

// Records tells of the log's lines what the run's log records know; it begins at the
// first line. Of a job that has had no attempt yet it is of the first.
func (l *Log) Records() *kedro.LogRecords {
	return kedro.NewLogRecords(l.s.o.Runs.Attempt(l.id, max(l.Attempt, 1)).Events())
}

// Follow hands on every byte from an offset on, once and in order, until the attempt
// has ended and all was read. Of a job that has had no attempt it waits for the
// first.
func (l *Log) Follow(ctx context.Context, from int64, fn func(joblog.Chunk) error) error {
	if l.Attempt == 0 {
		n, err := l.s.firstAttempt(ctx, l.id)
		if err != nil || n == 0 {
			return err
		}
		l.Attempt, l.path = n, l.s.o.Runs.Attempt(l.id, n).Log()
	}
	key := attemptKey{l.id, l.Attempt}
	w := l.s.endings.join(ctx, key, l.path)
	defer l.s.endings.leave(key, w)
	select {
	case <-w.begun:
	case <-w.over:
	case <-ctx.Done():
		return ctx.Err()
	}
	err := l.s.watcher.Follow(ctx, l.path, from, w.over, fn)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // it ended without a word
	}
	if err != nil {
		return err
	}
	<-w.over // closed, as Follow returned without an error
	return w.err
}
