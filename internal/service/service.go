// Package service is what can be asked of kedrod, and by whom. HTTP, pages and later
// doors all go through it: here input is judged, rights are asked for, and what
// happened is put into words that a person understands.
package service

import (
	"context"
	"log/slog"
	"time"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/joblog"
	"github.com/kedrod/kedrod/internal/kedro"
	"github.com/kedrod/kedrod/internal/rundir"
	"github.com/kedrod/kedrod/internal/store"
)

// Store is what the service needs of the store.
type Store interface {
	Submit(ctx context.Context, j job.Job, idem *store.Idempotency) (stored job.Job, existed bool, err error)
	Get(ctx context.Context, id string) (job.Job, error)
	List(ctx context.Context, f store.Filter) (store.Page, error)
	Update(ctx context.Context, id string, fn func(*job.Job) error) (job.Job, error)
	Attempts(ctx context.Context, id string) ([]job.Attempt, error)
	Nodes(ctx context.Context, id string, attempt int) ([]job.Node, error)
	Events(ctx context.Context, jobID string, after int64, limit int) ([]job.Event, error)
	LastEvent(ctx context.Context) (int64, error)
	Workers(ctx context.Context, endedSince time.Time) ([]store.Worker, error)
	Count(ctx context.Context) (pending, running int, err error)
	Check(ctx context.Context) error
	Subscribe(topic string) (<-chan struct{}, func())
}

// Catalog is a project's registry, kept fresh in the background. Its methods answer
// at once, but for Refresh.
type Catalog interface {
	Snapshot() (r kedro.Registry, known bool)
	Current() bool    // the registry is of the sources as they were last seen
	Refreshing() bool // it is being read just now
	Refresh(ctx context.Context) (kedro.Registry, error)
	// Refuses reports whether a pipeline certainly does not exist, with names like it.
	Refuses(name string) (near []string, refuse bool)
	Findings() []kedro.Finding
}

// Project is a Kedro project that is served.
type Project struct {
	Name    string
	Path    string
	Python  string
	Timeout time.Duration // of its jobs unless they say otherwise; 0: job.DefaultTimeout
	Dynamic bool          // dynamic_registry: no pipeline is refused by name
	Catalog Catalog
}

// Options of New. Everything must be set.
type Options struct {
	Store    Store
	Projects []Project // at least one, names unique
	Runs     rundir.Root
	DataDir  string
	Version  string
	Worker   bool // this process runs jobs
	Now      func() time.Time
	Log      *slog.Logger
}

// Service answers use cases. Every one takes the Caller first after the context.
type Service struct {
	o        Options
	projects map[string]*Project
	watcher  *joblog.Watcher // one for all who follow logs
	feeds    feeds
	endings  endings
}

// New makes a service.
func New(o Options) *Service {
	s := &Service{
		o: o, projects: map[string]*Project{}, watcher: joblog.NewWatcher(joblog.Options{Log: o.Log}),
		feeds:   feeds{store: o.Store, open: map[string]*feed{}},
		endings: endings{store: o.Store, open: map[attemptKey]*ending{}},
	}
	for i := range o.Projects {
		s.projects[o.Projects[i].Name] = &o.Projects[i]
	}
	return s
}

// Right is what a use case asks of its caller.
type Right string

// The rights, each containing the one before.
const (
	Read  Right = "read"
	Run   Right = "run"
	Admin Right = "admin"
)

// Caller is who asks. The zero value may do nothing.
type Caller struct {
	Name   *string // the key's name or the person's subject; nil without authentication
	Rights []Right
}

// Anonymous is everybody while there is no authentication: they may do everything.
func Anonymous() Caller { return Caller{Rights: []Right{Read, Run, Admin}} }

// need refuses a caller without the right.
func (c Caller) need(r Right) error {
	for _, have := range c.Rights {
		if have == r {
			return nil
		}
	}
	return fault.Newf(fault.Forbidden, "this needs the right to %s, which your key does not have: ask an administrator for another key", r)
}

// idempotencyScope makes keys of different callers different.
func (c Caller) idempotencyScope() string {
	if c.Name == nil {
		return ""
	}
	return *c.Name
}
