package service

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/joblog"
	"github.com/kedrod/kedrod/internal/kedro"
	"github.com/kedrod/kedrod/internal/store"
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

// Logs is the store's side of the logs of runs on other machines.
type Logs interface {
	Pieces(jobID string, attempt int, stream store.LogStream) joblog.Pieces
}

// remote opens a stream of an attempt that is not on this machine; nil where the store has
// nothing of it.
func (s *Service) remote(ctx context.Context, id string, attempt int, stream store.LogStream) (*joblog.Remote, error) {
	if s.o.Logs == nil {
		return nil, nil
	}
	r, err := joblog.NewRemote(ctx, s.o.Logs.Pieces(id, attempt, stream))
	if err != nil || r.Head() == (joblog.Head{}) {
		return nil, err
	}
	return r, nil
}

// Open opens the log for reading, for as long as ctx goes; nil where the attempt has not
// written one.
func (l *Log) Open(ctx context.Context) (*joblog.Log, error) {
	if l.Attempt == 0 {
		return nil, nil
	}
	f, err := joblog.Open(l.path)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	r, err := l.s.remote(ctx, l.id, l.Attempt, store.LogText)
	if err != nil || r == nil {
		return nil, err
	}
	return r.Log(), nil
}

// Records tells of the log's lines what the run's log records know; it begins at the
// first line. Of a job that has had no attempt yet it is of the first.
func (l *Log) Records(ctx context.Context) *kedro.LogRecords {
	attempt := max(l.Attempt, 1)
	path := l.s.o.Runs.Attempt(l.id, attempt).Events()
	if _, err := os.Stat(path); err == nil || l.s.o.Logs == nil {
		return kedro.NewLogRecords(path)
	}
	var r *joblog.Remote
	return kedro.LogRecordsFrom(kedro.NewEventReaderFrom(func() (source kedro.EventSource, err error) {
		if r == nil {
			r, err = l.s.remote(ctx, l.id, attempt, store.LogEvents)
		} else if !r.Head().Whole {
			err = r.Refresh()
		}
		if err == nil && r == nil {
			err = fs.ErrNotExist
		}
		return r, err
	}))
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
	w := l.s.endings.join(ctx, key, l.path, func(ctx context.Context) (*joblog.Remote, error) {
		return l.s.remote(ctx, l.id, l.Attempt, store.LogText)
	})
	defer l.s.endings.leave(key, w)
	select {
	case <-w.begun:
	case <-w.over:
	case <-ctx.Done():
		return ctx.Err()
	}
	err := l.s.followFrom(ctx, l.path, w.remote(), from, w.over, fn)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // it ended without a word
	}
	if err != nil {
		return err
	}
	<-w.over // closed, as Follow returned without an error
	return w.err
}

// followFrom follows a log in the store, or the one on this machine where there is no such.
func (s *Service) followFrom(ctx context.Context, path string, r *joblog.Remote, from int64, over <-chan struct{}, fn func(joblog.Chunk) error) error {
	if r != nil {
		return s.watcher.FollowRemote(ctx, r, from, over, fn)
	}
	return s.watcher.Follow(ctx, path, from, over, fn)
}
