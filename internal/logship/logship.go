// Package logship hands the logs of runs to a store that every process reads, while the
// runs go on and whole at their end.
//
// A log stays on this machine's disk until the store has all of it, whatever becomes of
// the store or of this process meanwhile: for each run that has begun, a mark stands in a
// folder of its own, which goes once everything was handed over. Who finds marks of an
// earlier process hands over the rest.
package logship

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/kedrod/kedrod/internal/compress"
	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/rundir"
	"github.com/kedrod/kedrod/internal/store"
)

// Store takes the logs.
type Store interface {
	AddLog(ctx context.Context, ref job.Ref, stream store.LogStream, head store.LogHead, pieces []store.LogPiece) error
}

// Options of New. Everything must be set but Every.
type Options struct {
	Store  Store
	Packer *compress.Packer
	Marks  string        // folder of the marks; made as needed
	Every  time.Duration // between looks at the logs of runs under way; 0: a second
	Log    *slog.Logger
}

// Shipper hands over logs. It is safe for concurrent use.
type Shipper struct {
	o Options

	mu      sync.Mutex
	runs    map[job.Ref]*run
	failing bool // told already
}

// run is one attempt whose log is not whole in the store.
type run struct {
	ref  job.Ref
	mark string

	mu      sync.Mutex // over what follows, and one hand-over at a time
	streams []*stream
	over    bool // nothing is added on disk any more
}

// New makes a shipper. What earlier processes left is handed over by Run.
func New(o Options) (*Shipper, error) {
	if o.Every == 0 {
		o.Every = time.Second
	}
	if err := os.MkdirAll(o.Marks, 0o700); err != nil {
		return nil, fmt.Errorf("marks of logs: %w", err)
	}
	return &Shipper{o: o, runs: map[job.Ref]*run{}}, nil
}

// mark is what stands in a mark's file.
type mark struct {
	Ref    job.Ref
	Log    string
	Events string
}

// Begin takes up the log of a run that is about to start. It need not be there yet.
func (s *Shipper) Begin(ref job.Ref, log, events string) error {
	m := mark{ref, log, events}
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	path := filepath.Join(s.o.Marks, rundir.Name(ref.JobID)+"."+strconv.Itoa(ref.Attempt))
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return fmt.Errorf("mark of a log: %w", err)
	}
	s.take(m, path)
	return nil
}

func (s *Shipper) take(m mark, path string) *run {
	r := &run{ref: m.Ref, mark: path, streams: []*stream{{path: m.Log, name: store.LogText}, {path: m.Events, name: store.LogEvents, most: eventsMost}}}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs[m.Ref] = r
	return r
}

// Finish hands over the rest of the log of a run that is over. Where it can't, the error
// says why, and Run goes on trying.
func (s *Shipper) Finish(ctx context.Context, ref job.Ref) error {
	s.mu.Lock()
	r := s.runs[ref]
	s.mu.Unlock()
	if r == nil {
		return nil
	}
	r.mu.Lock()
	r.over = true
	r.mu.Unlock()
	return s.ship(ctx, r)
}

// Run hands over what grows, until ctx ends.
func (s *Shipper) Run(ctx context.Context) error {
	if err := s.adopt(); err != nil {
		s.o.Log.Error("logs of earlier runs can't be looked for; they stay on this machine", "error", err)
	}
	ticker := time.NewTicker(s.o.Every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		s.shipAll(ctx)
	}
}

// adopt takes up what earlier processes left: runs that are over.
func (s *Shipper) adopt() error {
	marks, err := os.ReadDir(s.o.Marks)
	if err != nil {
		return err
	}
	for _, entry := range marks {
		path := filepath.Join(s.o.Marks, entry.Name())
		b, err := os.ReadFile(path)
		var m mark
		if err == nil {
			err = json.Unmarshal(b, &m)
		}
		if err != nil { // a power cut, most likely
			s.o.Log.Warn("a mark of a log can't be read: that log stays on this machine", "mark", path, "error", err)
			continue
		}
		s.mu.Lock()
		_, ours := s.runs[m.Ref]
		s.mu.Unlock()
		if !ours {
			r := s.take(m, path)
			r.over = true
			for _, st := range r.streams {
				st.adopted = true
			}
		}
	}
	return nil
}

func (s *Shipper) shipAll(ctx context.Context) {
	s.mu.Lock()
	runs := make([]*run, 0, len(s.runs))
	for _, r := range s.runs {
		runs = append(runs, r)
	}
	s.mu.Unlock()
	var failed error
	for _, r := range runs {
		bounded, cancel := context.WithTimeout(ctx, shipTime)
		err := s.ship(bounded, r)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("job %s: %w", r.ref.JobID, err))
		}
		if fault.Is(err, fault.Unavailable) { // the others would fare no better
			break
		}
	}
	s.tell(ctx, failed)
}

// shipTime bounds one hand-over.
const shipTime = 10 * time.Second

// tell logs trouble once until it is over.
func (s *Shipper) tell(ctx context.Context, err error) {
	s.mu.Lock()
	was := s.failing
	s.failing = err != nil
	s.mu.Unlock()
	switch {
	case err != nil && !was && ctx.Err() == nil:
		s.o.Log.Warn("logs can't be handed to the store; they stay on this machine until they can", "error", err)
	case err == nil && was:
		s.o.Log.Info("logs are handed to the store again")
	}
}

// ship hands over what a run has written since, and forgets the run once all is there.
func (s *Shipper) ship(ctx context.Context, r *run) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, st := range r.streams {
		err := st.ship(ctx, s.o.Store, s.o.Packer, r.ref, r.over)
		if errors.Is(err, errGone) {
			s.o.Log.Warn("the end of a log is lost", "job", r.ref.JobID, "attempt", r.ref.Attempt, "error", err)
			continue
		}
		if errors.Is(err, job.ErrFenced) { // the job was deleted, or this attempt is not ours
			r.over = true
			break
		}
		if err != nil {
			return err
		}
	}
	if !r.over {
		return nil
	}
	s.mu.Lock()
	delete(s.runs, r.ref)
	s.mu.Unlock()
	if err := os.Remove(r.mark); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("mark of a log: %w", err)
	}
	return nil
}
